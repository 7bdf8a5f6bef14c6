//! The bytes of the first version, as they went over the wire (`first.txt`: `name hexadecimal`, one message a line).

use super::*;
use crate::wire;
use controller::requests;
use model::MetadataVersion;
use prost::Message;

const RECORDED: &str = include_str!("first.txt");

fn bytes(name: &str) -> Vec<u8> {
    let line = RECORDED.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
    (0..line.len()).step_by(2).map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap()).collect()
}

fn sent(name: &str) -> wire::broker_message::Kind {
    wire::BrokerMessage::decode(&bytes(name)[..]).unwrap().kind.unwrap()
}

fn told(name: &str) -> (i64, wire::controller_message::Kind) {
    let message = wire::ControllerMessage::decode(&bytes(name)[..]).unwrap();
    (message.controller_epoch, message.kind.unwrap())
}

#[test]
fn messages_of_an_older_broker_are_understood() {
    use wire::broker_message::Kind::{Ask, Departure, Heartbeat, Registration};
    let Registration(registration) = sent("registration") else { panic!() };
    assert_eq!((registration.cluster_id.as_str(), registration.controller_epoch), (CLUSTER, 4));
    let request = registration.request().unwrap();
    assert_eq!((request.id, request.rack.as_deref(), request.endpoints[0].port), (BrokerId(3), Some("zone-a"), 9092));
    let Heartbeat(heartbeat) = sent("heartbeat") else { panic!() };
    let heartbeat = heartbeat.heartbeat(requests::BrokerSession { id: BrokerId(3), epoch: BrokerEpoch(5) });
    assert_eq!((heartbeat.applied, heartbeat.condition), (MetadataVersion(57), BrokerCondition::default()));
    let Ask(ask) = sent("ask") else { panic!() };
    let request: requests::Request = serde_json::from_slice(&ask.request_json).unwrap();
    assert!(matches!(request, requests::Request::CreateTopics(create) if create.topics.len() == 1));
    assert!(matches!(sent("departure"), Departure(_)));
}

#[test]
fn messages_of_an_older_controller_are_understood() {
    use wire::controller_message::Kind::{Answer, Changes, Refused, Registered, Snapshot};
    let (epoch, Registered(registered)) = told("registered") else { panic!() };
    assert_eq!((epoch, registered.broker_epoch, registered.session_timeout_ms), (4, 5, 4500));
    assert!(matches!(told("refused"), (0, Refused(refused)) if refused.retriable && refused.reason == "not now"));
    let (_, Snapshot(snapshot)) = told("snapshot") else { panic!() };
    let mut image: ClusterImage = serde_json::from_slice(&snapshot.image_json).unwrap();
    assert_eq!((image.controller_epoch, image.topics.len(), image.brokers.len()), (ControllerEpoch(4), 1, 1));
    let (_, Changes(changes)) = told("changes") else { panic!() };
    for change in changes.change_json {
        let change: MetadataChange = serde_json::from_slice(&change).unwrap();
        image.apply(&change).unwrap();
    }
    assert_eq!(image.next_producer_id, ProducerId(2000));
    let (_, Answer(answer)) = told("answer") else { panic!() };
    let reply = serde_json::from_slice(&answer.reply_json).unwrap();
    assert!(matches!(reply, Reply::ProducerIds(block) if block.first == ProducerId(1000)));
}

#[test]
fn fields_and_kinds_of_a_later_version_are_passed_over() {
    let heartbeat = wire::Heartbeat::of(57, WELL);
    let message = wire::BrokerMessage { kind: Some(wire::broker_message::Kind::Heartbeat(heartbeat)) };
    let old = first::BrokerMessage::decode(&message.encode_to_vec()[..]).unwrap();
    let known = first::Heartbeat { applied_version: 57 };
    assert_eq!(old.kind, Some(first::broker_message::Kind::Heartbeat(known)));
    // Field 99, a message: of a kind that nobody knows yet, and within a heartbeat.
    let unknown = [0x9a, 0x06, 0x02, 0x08, 0x01];
    assert_eq!(wire::BrokerMessage::decode(&unknown[..]).unwrap().kind, None);
    assert_eq!(wire::ControllerMessage::decode(&unknown[..]).unwrap().kind, None);
    let mut longer = wire::Heartbeat::of(57, WELL).encode_to_vec();
    longer.extend(unknown);
    assert_eq!(wire::Heartbeat::decode(&longer[..]).unwrap(), wire::Heartbeat::of(57, WELL));
}

/// What is recorded is what the first version wrote, and this one writes the same where it says the same.
#[test]
fn what_did_not_change_is_written_as_before() {
    for line in RECORDED.lines() {
        let (name, _) = line.split_once(' ').unwrap();
        let recorded = bytes(name);
        let again = match name {
            "registration" | "heartbeat" | "ask" | "departure" => {
                assert_eq!(first::BrokerMessage::decode(&recorded[..]).unwrap().encode_to_vec(), recorded, "{name}");
                wire::BrokerMessage::decode(&recorded[..]).unwrap().encode_to_vec()
            }
            _ => {
                assert_eq!(
                    first::ControllerMessage::decode(&recorded[..]).unwrap().encode_to_vec(),
                    recorded,
                    "{name}"
                );
                wire::ControllerMessage::decode(&recorded[..]).unwrap().encode_to_vec()
            }
        };
        assert_eq!(again, recorded, "{name}");
    }
}
