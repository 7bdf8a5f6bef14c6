//! Topics of resources: people change the ones, clients configure the others, and the operator takes one step after the other about each.

use super::{Kept, World, brokers::Brokers};
use controller::requests::{
    AlterConfigs, ConfigResource, CreatePartitions, CreateTopics, MorePartitions, ReassignPartitions, Request,
};
use custom_resources::{ConfigValue, Topic};
use k8s_openapi::jiff::Timestamp;
use model::{TopicId, TopicName};
use operator::reconcilers::topic::{
    plan::{Decision, Step, decide},
    status::{Outcome, There},
    valid_topic::ValidTopic,
};
use serde_json::json;
use simulator::random::Random;

/// What is drawn here is not what the rest of the run draws.
const OTHER_DRAWS: u64 = 0x746f_7069_6373;
/// Resources of a run at most.
const RESOURCES: usize = 5;
/// Of a topic at most.
const PARTITIONS: i32 = 8;
/// What resources name, and what they leave to clients.
const OWN_KEY: &str = "retention.ms";
const CLIENTS_KEY: &str = "segment.ms";

pub(super) struct Topics {
    random: Random,
    resources: Vec<Resource>,
    /// About which of them the operator is about to do what.
    planned: Option<(usize, Step)>,
    /// Steps that were asked for, and statuses that said something new.
    writes: u64,
}

struct Resource {
    topic: Topic,
    /// What its topic was when it was seen last.
    known: Option<(TopicId, usize)>,
    /// What a client set on it.
    of_clients: Option<String>,
}

impl World {
    /// Promise 6, and the steps that lead there.
    pub(super) fn see_to_topics(&mut self, is_troubled: bool) -> Kept {
        let Some(topics) = &mut self.topics else { return Ok(()) };
        let told = if is_troubled { topics.change(&mut self.brokers) } else { None };
        let operated = topics.operate(&mut self.brokers, is_troubled);
        let kept = topics.keep(&self.brokers);
        if let Some(told) = told {
            self.tell(told);
        }
        operated.and(kept)
    }
}

impl Topics {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed ^ OTHER_DRAWS), resources: Vec::new(), planned: None, writes: 0 }
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes
    }

    /// The operator ends.
    pub(super) fn forget_plans(&mut self) {
        self.planned = None;
    }

    /// The first resource whose topic is not as it says.
    pub(super) fn unlike(&self, brokers: &Brokers) -> Option<String> {
        let decided = self.resources.iter().map(|one| (one, decide(&one.valid(), brokers.image(), brokers.leaving())));
        let unlike = decided
            .filter(|(_, decision)| !matches!(decision, Decision::Good))
            .map(|(one, decision)| format!("topic {}: {decision:?}", one.valid().name));
        unlike.into_iter().next().or_else(|| self.planned.as_ref().map(|planned| format!("{planned:?} is to be done")))
    }

    fn any(&mut self) -> Option<usize> {
        let resources = self.resources.len() as u64;
        (resources > 0).then(|| usize::try_from(self.random.below(resources)).unwrap_or(0))
    }

    /// A person or a client changes something.
    fn change(&mut self, brokers: &mut Brokers) -> Option<String> {
        match self.random.below(40) {
            0 if self.resources.len() < RESOURCES => {
                self.resources.push(Resource::new(self.resources.len(), &mut self.random));
                Some(format!("topic {} is applied", self.resources.last()?.valid().name))
            }
            1 => {
                let at = self.any()?;
                let spec = &mut self.resources[at].topic.spec;
                spec.partitions = spec.partitions.map(|partitions| (partitions + 1).min(PARTITIONS));
                Some(format!("resource {at} wants {:?} partitions", spec.partitions))
            }
            2 => {
                let (at, replicas) = (self.any()?, replicas(&mut self.random));
                self.resources[at].topic.spec.replicas = Some(replicas);
                Some(format!("resource {at} wants {replicas} replicas"))
            }
            3 => {
                let (at, ms) = (self.any()?, self.random.below(3));
                let config = &mut self.resources[at].topic.spec.config;
                match ms {
                    0 => drop(config.remove(OWN_KEY)),
                    _ => drop(config.insert(OWN_KEY.to_owned(), ConfigValue::Text(ms_text(ms)))),
                }
                Some(format!("resource {at} has config {config:?}"))
            }
            4 => {
                let (at, value) = (self.any()?, ms_text(1 + self.random.below(3)));
                let one = &mut self.resources[at];
                brokers.image().topic(&one.valid().name)?;
                let changes = vec![(CLIENTS_KEY.to_owned(), Some(value.clone()))];
                brokers.ask(Request::AlterConfigs(AlterConfigs::of(one.as_config_resource(), changes)));
                one.of_clients = Some(value);
                None
            }
            _ => None,
        }
    }

    /// The operator looks at a resource, or takes the step that it decided on: refused, done without an answer, or not reported.
    fn operate(&mut self, brokers: &mut Brokers, is_troubled: bool) -> Kept {
        let fails = |random: &mut Random| is_troubled && random.once_in(8);
        if let Some((at, step)) = self.planned.take() {
            if !fails(&mut self.random) {
                self.writes += 1;
                brokers.ask(self.resources[at].request(step)?);
            }
            return Ok(());
        }
        let Some(at) = self.any() else { return Ok(()) };
        let is_unreported = fails(&mut self.random);
        let one = &mut self.resources[at];
        let valid = one.valid();
        let there = There::in_image(brokers.image(), &valid);
        let outcome = match decide(&valid, brokers.image(), brokers.leaving()) {
            Decision::Do(step) => {
                self.planned = Some((at, step));
                return Ok(());
            }
            Decision::Good => Outcome::good(there),
            Decision::Not { reason, message } => Outcome::refused(reason, message).with(there),
        };
        if !is_unreported {
            let status = Some(outcome.status(&one.topic, Timestamp::UNIX_EPOCH));
            self.writes += u64::from(one.topic.status != status);
            one.topic.status = status;
        }
        Ok(())
    }

    /// Promise 6.
    fn keep(&mut self, brokers: &Brokers) -> Kept {
        for one in &mut self.resources {
            let name = one.valid().name;
            let Some(topic) = brokers.image().topic(&name) else {
                if one.known.is_some() {
                    return Err(format!("topic {name} is gone"));
                }
                continue;
            };
            let now = (topic.id, topic.partitions.len());
            if one.known.is_some_and(|known| known.0 != now.0 || known.1 > now.1) {
                return Err(format!("topic {name} was {:?} and is {now:?}", one.known));
            }
            one.known = Some(now);
            if topic.configs.get(CLIENTS_KEY) != one.of_clients.as_ref() {
                return Err(format!(
                    "a client set {:?} on topic {name}, which has {:?}",
                    one.of_clients, topic.configs
                ));
            }
        }
        Ok(())
    }
}

impl Resource {
    fn new(number: usize, random: &mut Random) -> Self {
        let topic = json!({
            "apiVersion": "weir.dev/v1alpha1", "kind": "Topic",
            "metadata": { "name": format!("own-{number}"), "namespace": "shop", "generation": 1, "uid": format!("topic-{number}") },
            "spec": { "clusterRef": { "name": super::CLUSTER }, "partitions": 1, "replicas": replicas(random) },
        });
        Self { topic: serde_json::from_value(topic).expect("a Topic"), known: None, of_clients: None }
    }

    fn valid(&self) -> ValidTopic {
        ValidTopic::new(&self.topic).expect("people here write what is valid")
    }

    fn as_config_resource(&self) -> ConfigResource {
        ConfigResource::Topic(TopicName::from(&*self.valid().name))
    }

    fn request(&self, step: Step) -> Result<Request, String> {
        let name = TopicName::from(&*self.valid().name);
        Ok(match step {
            Step::Create(new) => Request::CreateTopics(CreateTopics { topics: vec![new], validate_only: false }),
            Step::AddPartitions(count) => {
                let topics = vec![MorePartitions { name, count, assignments: None }];
                Request::CreatePartitions(CreatePartitions { topics, validate_only: false })
            }
            Step::SetConfigs(changes) => Request::AlterConfigs(AlterConfigs::of(self.as_config_resource(), changes)),
            Step::Reassign(moves) => {
                let partitions = moves.into_iter().map(|(at, replicas)| (at, Some(replicas))).collect();
                Request::ReassignPartitions(ReassignPartitions { partitions, allow_replication_factor_change: true })
            }
            Step::Restore(id) => return Err(format!("topic {id} is to be restored, and nobody deleted one")),
        })
    }
}

fn replicas(random: &mut Random) -> i16 {
    i16::try_from(1 + random.below(3)).unwrap_or(1)
}

fn ms_text(days: u64) -> String {
    (days * 86_400_000).to_string()
}
