//! What people and the world do to a cluster.

use super::World;
use controller::requests::{CreatePartitions, CreateTopics, HoldBroker, HoldChange, MorePartitions, NewTopic, Request};
use model::{BrokerId, TopicId, TopicName};
use operator::reconcilers::cluster::plan::Action;
use serde_json::Value;
use uuid::Uuid;

/// Topics of a run at most.
const TOPICS: u64 = 12;
/// Of a topic at most.
const PARTITIONS: i32 = 8;

impl World {
    fn any_broker(&mut self) -> i32 {
        i32::try_from(self.random.below(5)).unwrap_or(0)
    }

    pub(super) fn make_topic(&mut self) {
        if self.made_topics == TOPICS {
            return self.add_partitions();
        }
        self.made_topics += 1;
        let name = format!("topic-{}", self.made_topics);
        let replication_factor = i16::try_from(1 + self.random.below(3)).unwrap_or(1);
        let partitions = i32::try_from(1 + self.random.below(4)).unwrap_or(1);
        let topic = NewTopic {
            name: TopicName::from(&*name),
            id: TopicId(Uuid::from_u128(u128::from(self.made_topics))),
            partitions,
            replication_factor,
            assignments: Vec::new(),
            configs: Vec::new(),
        };
        // Where no broker is alive it is refused.
        self.brokers.ask(Request::CreateTopics(CreateTopics { topics: vec![topic], validate_only: false }));
    }

    fn add_partitions(&mut self) {
        let name = TopicName::from(format!("topic-{}", 1 + self.random.below(TOPICS)));
        let Some(there) = self.brokers.image().topic(&name).map(|topic| topic.partitions.len()) else { return };
        let count = i32::try_from(there).unwrap_or(i32::MAX).saturating_add(1);
        if count <= PARTITIONS {
            let topics = vec![MorePartitions { name, count, assignments: None }];
            self.brokers.ask(Request::CreatePartitions(CreatePartitions { topics, validate_only: false }));
        }
    }

    pub(super) fn fail(&mut self) {
        self.faults += 1;
        let id = self.any_broker();
        match self.random.below(6) {
            0 | 1 => {
                self.tell(format!("broker {id} is killed"));
                self.brokers.kill(id);
            }
            2 => {
                self.tell("the operator ends, another one takes over");
                let sent = self.pending.drain(..).next();
                self.late.extend(sent.filter(names_the_set));
                self.kubernetes.list();
                self.set_size = self.kubernetes.take_set();
                self.brokers.take_over();
                if let Some(topics) = &mut self.topics {
                    topics.forget_plans();
                }
            }
            3 => {
                self.tell(format!("somebody evicts pod {id}"));
                if let Some(pod) = self.kubernetes.pods.get_mut(&id) {
                    pod.go();
                }
            }
            4 => {
                self.tell(format!("somebody removes pod {id} at once"));
                self.kubernetes.pods.remove(&id);
                self.brokers.kill(id);
            }
            _ => {
                self.tell(format!("the node of broker {id} is silent, and somebody removes its pod at once"));
                if let Some(process) = self.brokers.processes.get_mut(&id) {
                    process.is_silent = true;
                }
                self.kubernetes.pods.remove(&id);
            }
        }
    }

    pub(super) fn change_mind(&mut self) {
        match self.random.below(10) {
            0 => {
                self.images += 1;
                let is_broken = self.random.once_in(4);
                let image = format!("weir:{}{}", self.images, if is_broken { "-broken" } else { "" });
                self.tell(format!("the image is to be {image}"));
                self.cluster.spec.image = Some(image);
            }
            1 => {
                let replicas = 3 + i32::try_from(self.random.below(3)).unwrap_or(0);
                self.tell(format!("{replicas} brokers are wanted"));
                self.cluster.spec.replicas = replicas;
            }
            2 => {
                let id = self.any_broker();
                let changes = [HoldChange::Fence, HoldChange::Unfence, HoldChange::Drain, HoldChange::Undrain];
                let change = changes[usize::try_from(self.random.below(4)).unwrap_or(0)];
                self.tell(format!("{change:?} of broker {id}"));
                self.hold(id, change);
            }
            3 => {
                self.tell("somebody deletes the configuration");
                self.kubernetes.delete("ConfigMap", "events-broker-config");
            }
            _ => {}
        }
    }

    fn hold(&mut self, id: i32, change: HoldChange) {
        let request = HoldBroker { id: BrokerId(id), change, force: false, validate_only: false };
        self.brokers.ask(Request::HoldBroker(request));
    }

    /// From here on nobody does anything any more, after what was done by hand is taken back.
    pub(super) fn calm_down(&mut self) {
        self.images += 1;
        self.cluster.spec.image = Some(format!("weir:{}", self.images));
        for id in 0..5 {
            self.hold(id, HoldChange::Unfence);
            self.hold(id, HoldChange::Undrain);
        }
        self.tell("nothing fails any more, and nobody changes anything");
    }
}

/// Whether it writes the set over one that was seen. One that was not is made without a guard, for server-side apply has none: that is not
/// promised, and needs a write that is late by as long as it takes to add brokers and move replicas there.
fn names_the_set(action: &Action) -> bool {
    let names = |body: &Value| body["metadata"]["resourceVersion"].is_string();
    action.set_size().is_some() && matches!(action, Action::Apply { body, .. } if names(body))
}
