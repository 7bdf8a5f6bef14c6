use super::*;
use crate::{reconcilers::cluster::testing::image, valid_cluster::ClusterKey};
use control_plane::{Commit, CommitError, Host, LoadError, MetadataStore, Published, Publisher};
use controller::{Settings, Tombstone};
use model::MetadataVersion;
use std::sync::{Arc, Mutex};
use tokio::{sync::oneshot, task::JoinHandle};

fn asking(annotation: &str) -> Cluster {
    let spec = serde_json::json!({ "storage": { "size": "1Gi" } });
    let mut cluster = Cluster::new("events", serde_json::from_value(spec).unwrap());
    cluster.annotations_mut().insert(REQUEST_ANNOTATION.to_owned(), annotation.to_owned());
    cluster
}

fn undelete(id: &str, topic: TopicId) -> String {
    let ask = Ask::Undelete(topic.0.to_string());
    serde_json::to_string(&Request { id: id.to_owned(), ask, dry_run: false }).unwrap()
}

const TOPIC: TopicId = TopicId(Uuid::from_u128(7));

#[test]
fn request_is_pending_until_it_is_answered() {
    let asked = Pending::Undelete { id: "a".to_owned(), topic: TOPIC };
    let cluster = asking(&undelete("a", TOPIC));
    assert_eq!(pending(&cluster, None), Some(asked));
    let done = status("a", RequestOutcome::Done, String::new());
    assert_eq!(pending(&cluster, Some(&done)), None);
    assert!(matches!(pending(&asking(&undelete("b", TOPIC)), Some(&done)), Some(Pending::Undelete { .. })));
}

#[test]
fn request_that_cannot_be_read_is_refused_once() {
    let long = undelete(&"x".repeat(65), TOPIC);
    let two = r#"{"id": "a", "undelete": "00000000-0000-0000-0000-000000000007", "heldDeletions": "Keep"}"#;
    let table = [
        "",
        "{}",
        "[1]",
        "{\"id\": \"a\"}",
        two,
        "{\"id\": \"a\", \"undelete\": \"orders\"}",
        "{\"id\": \"a\", \"reboot\": 1}",
        &long,
    ];
    for text in table {
        let cluster = asking(text);
        let Some(Pending::Answer(answer)) = pending(&cluster, None) else { panic!("{text} is no request") };
        assert_eq!(answer.outcome, RequestOutcome::Refused, "{text}");
        assert_eq!(pending(&cluster, Some(&answer)), None, "{text}");
    }
}

/// What was committed last.
#[derive(Clone)]
struct Committed(Arc<Mutex<Arc<ClusterImage>>>);

impl Committed {
    fn image(&self) -> Arc<ClusterImage> {
        Arc::clone(&self.0.lock().unwrap())
    }
}

impl MetadataStore for Committed {
    async fn load(&mut self) -> Result<Arc<ClusterImage>, LoadError> {
        Ok(self.image())
    }

    async fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        *self.0.lock().unwrap() = commit.image;
        Ok(())
    }
}

struct Nobody;

impl Publisher for Nobody {
    async fn publish(&mut self, _: Published) {}
}

struct Deciding {
    handle: ControllerHandle,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Committed>,
}

async fn deciding(committed: &Committed) -> Deciding {
    let settings = Settings { deletion_undo_window: controller::DELETION_UNDO_WINDOW, ..Settings::default() };
    let (host, handle) = Host::start(committed.clone(), Nobody, settings).await.unwrap();
    let (stop, stopped) = oneshot::channel();
    Deciding { handle, stop, running: tokio::spawn(host.run(stopped)) }
}

async fn end(Deciding { handle, stop, running }: Deciding) {
    drop(stop);
    drop(handle);
    running.await.unwrap();
}

async fn answered(
    cluster: &Cluster,
    before: Option<&ClusterStatus>,
    controller: Option<&ControllerHandle>,
    image: &ClusterImage,
) -> Option<RequestStatus> {
    let held = Held::new(vec![]);
    let key = ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() };
    let allowed = Allowed::by(&key, &[]);
    Answering { cluster: &key, controller, image: Some(image), held: &held, allowed: &allowed }
        .answer(cluster, before)
        .await
}

#[tokio::test]
async fn broker_is_fenced_once_and_a_lost_answer_is_given_again() {
    let mut before = image(3, &[], &[&[(&[0, 1, 2], &[0, 1, 2])], &[(&[2], &[2])]]);
    before.features.insert(controller::features::BROKER_HOLDS.to_owned(), 1);
    let committed = Committed(Arc::new(Mutex::new(Arc::new(before))));
    let deciding = deciding(&committed).await;
    let handle = deciding.handle.clone();
    let nothing = image(0, &[], &[]);
    let ask = async |text: &str| answered(&asking(text), None, Some(&handle), &nothing).await.unwrap();

    let would = ask(r#"{"id":"a","fence":0,"dryRun":true}"#).await;
    assert_eq!(would.outcome, RequestOutcome::Done);
    assert!(would.message.contains("would be fenced") && committed.image().holds.is_empty(), "{}", would.message);
    let done = ask(r#"{"id":"b","fence":0}"#).await;
    assert!(done.outcome == RequestOutcome::Done && committed.image().brokers[&model::BrokerId(0)].fenced);
    let again = ask(r#"{"id":"b","fence":0}"#).await;
    assert_eq!((again.outcome, &*again.message), (RequestOutcome::Done, "broker 0 is fenced by hand already"));
    let refused = ask(r#"{"id":"c","fence":2}"#).await;
    assert_eq!(refused.outcome, RequestOutcome::Refused);
    assert!(refused.message.contains("topic-1-0 first"), "{}", refused.message);
    assert_eq!(ask(r#"{"id":"d","unfence":0}"#).await.outcome, RequestOutcome::Done);
    assert!(committed.image().holds.is_empty());

    drop(handle);
    end(deciding).await;
}

#[tokio::test]
async fn deleted_topic_is_there_again_and_nothing_is_done_twice() {
    let mut before = image(1, &[], &[&[(&[0], &[0])]]);
    let topic = Arc::clone(before.topics.iter().next().unwrap());
    before.topics = Arc::default();
    let tombstone = Tombstone { topic: Arc::clone(&topic), deleted_at: MetadataVersion(0) };
    before.tombstones = Arc::new([(topic.id, tombstone)].into());
    let committed = Committed(Arc::new(Mutex::new(Arc::new(before))));
    let deciding = deciding(&committed).await;
    let handle = deciding.handle.clone();

    let asked = asking(&undelete("a", topic.id));
    let image = committed.image();
    let nobody_decides = answered(&asked, None, None, &image).await;
    assert_eq!(nobody_decides, None);
    let first = answered(&asked, None, Some(&handle), &image).await.unwrap();
    assert_eq!(first, status("a", RequestOutcome::Done, "topic topic-0 is there again".to_owned()));
    assert!(committed.image().topic("topic-0").is_some());

    let reported = ClusterStatus { request: Some(first), ..ClusterStatus::default() };
    let image = committed.image();
    assert_eq!(answered(&asked, Some(&reported), Some(&handle), &image).await, None);
    let after_a_lost_answer = answered(&asked, None, Some(&handle), &image).await.unwrap();
    assert_eq!(
        (after_a_lost_answer.outcome, &*after_a_lost_answer.message),
        (RequestOutcome::Done, "topic topic-0 is there")
    );
    let unknown = answered(&asking(&undelete("b", TOPIC)), None, Some(&handle), &image).await.unwrap();
    assert_eq!((unknown.id.as_str(), unknown.outcome), ("b", RequestOutcome::Refused));

    drop(handle);
    end(deciding).await;
}

#[tokio::test]
async fn held_topics_go_or_stay_as_a_person_says() {
    let key = ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() };
    let before = image(1, &[], &[&[(&[0], &[0])], &[(&[0], &[0])], &[(&[0], &[0])]]);
    let held_topics: Vec<_> = before.topics.iter().take(2).map(|topic| (topic.id, topic.name.to_string())).collect();
    let more: Vec<_> = before.topics.iter().skip(2).map(|topic| (topic.id, topic.name.to_string())).collect();
    let committed = Committed(Arc::new(Mutex::new(Arc::new(before))));
    let deciding = deciding(&committed).await;
    let asks = |decision, id: &str, digest: &str| {
        let ask = Ask::HeldDeletions { decision, digest: digest.to_owned() };
        let request = Request { id: id.to_owned(), ask, dry_run: false };
        asking(&serde_json::to_string(&request).unwrap())
    };
    for (decision, left) in [(HeldDecision::Keep, 3), (HeldDecision::Delete, 1)] {
        let held = Held::new(vec![]);
        held.hold(&key, "too many", held_topics.clone());
        let image = committed.image();
        let allowed = Allowed::by(&key, &[]);
        let (controller, image) = (Some(&deciding.handle), Some(&*image));
        let answering = Answering { cluster: &key, controller, image, held: &held, allowed: &allowed };
        let read = held.of(&key, None, &allowed, &committed.image()).report().unwrap().digest;
        // More resources go before the decision is carried out.
        held.hold(&key, "others wait", more.clone());
        let stale = answering.answer(&asks(decision, "a", &read), None).await.unwrap();
        assert_eq!((stale.outcome, committed.image().topics.len()), (RequestOutcome::Refused, 3), "{stale:?}");
        assert!(stale.message.starts_with("3 topics are held now"), "{stale:?}");
        held.decided(&key, &more.clone().into_iter().collect());
        let answer = answering.answer(&asks(decision, "b", &read), None).await.unwrap();
        assert_eq!(answer.outcome, RequestOutcome::Done, "{answer:?}");
        assert_eq!(committed.image().topics.len(), left, "{decision:?}");
        assert!(!held.any(&key));
        let nothing = answering.answer(&asks(decision, "c", &read), None).await.unwrap();
        assert_eq!((nothing.outcome, &*nothing.message), (RequestOutcome::Refused, "no topic is held"));
    }
    end(deciding).await;
}
