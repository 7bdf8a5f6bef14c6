pub(crate) mod page;

use super::*;
use crate::{Broker, config::BrokerConfig, control_plane::create_missing};
use std::collections::BTreeSet;

async fn page_with_a_topic(keys: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("make a folder");
    let running = Broker::start(BrokerConfig::for_tests_with(folder.path(), keys)).await.expect("starts");
    let broker = running.broker().clone();
    let topic = [TopicName::from("orders")];
    let image = broker.metadata.current();
    let created = create_missing(&broker.controller, broker.clock, &broker.config, &image, &topic).await;
    assert!(created.expect("answers").iter().all(|(_, result)| result.is_ok()));
    broker.metrics.log().cleaner.looked(0, 0);
    let page = broker.metrics.page().await;
    drop(broker);
    running.stop().await.expect("stops");
    page
}

#[tokio::test]
async fn the_state_of_the_broker_is_read_at_the_scrape() {
    let page = page_with_a_topic(&[("num.partitions", "3")]).await;
    for line in [
        "kafka_controller_kafkacontroller_globaltopiccount 1\n",
        "kafka_controller_kafkacontroller_globalpartitioncount 3\n",
        "kafka_controller_kafkacontroller_offlinepartitionscount 0\n",
        "kafka_server_replicamanager_leadercount 3\n",
        "kafka_server_replicamanager_underreplicatedpartitions 0\n",
        "kafka_server_replicamanager_reassigningpartitions 0\n",
        "kafka_server_replicamanager_isrshrinks_total 0\n",
        "kafka_server_replicamanager_isrexpands_total 0\n",
        "kafka_server_replicamanager_failedisrupdates_total 0\n",
        "kafka_controller_controllerstats_uncleanleaderelections_total 0\n",
        "kafka_server_brokertopicmetrics_messagesin_total{topic=\"orders\"} 0\n",
        "kafka_server_fetchsessioncache_numincrementalfetchsessions 0\n",
        "kafka_server_replicamanager_produceridcount 0\n",
        "kafka_server_replicafetchermanager_maxlag{clientId=\"Replica\"} 0\n",
        "kafka_log_logcleaner_deadthreadcount 0\n",
    ] {
        assert!(page.contains(line), "{line} is missing in {page}");
    }
    assert!(!page.contains("partition=\""), "series per partition are there unasked");
}

#[tokio::test]
async fn series_per_partition_come_on_request() {
    let page = page_with_a_topic(&[("num.partitions", "2"), ("weir.metrics.partitions", "true")]).await;
    for line in [
        "kafka_topic_partitions{topic=\"orders\"} 2\n",
        "kafka_log_log_logendoffset{topic=\"orders\",partition=\"1\"} 0\n",
        "kafka_log_log_retentionsizein_percent{topic=\"orders\",partition=\"1\"} 0\n",
        "kafka_topic_partition_leader{topic=\"orders\",partition=\"0\"} 1\n",
        "kafka_cluster_partition_underminisr{topic=\"orders\",partition=\"0\"} 0\n",
    ] {
        assert!(page.contains(line), "{line} is missing in {page}");
    }
}

#[tokio::test]
async fn partition_with_fewer_replicas_than_the_minimum_is_not_below_it() {
    let page = page_with_a_topic(&[("min.insync.replicas", "2"), ("weir.metrics.partitions", "true")]).await;
    for line in [
        "kafka_server_replicamanager_underminisrpartitioncount 0\n",
        "kafka_server_replicamanager_atminisrpartitioncount 1\n",
        "kafka_cluster_partition_underminisr{topic=\"orders\",partition=\"0\"} 0\n",
        "kafka_cluster_partition_atminisr{topic=\"orders\",partition=\"0\"} 1\n",
    ] {
        assert!(page.contains(line), "{line} is missing in {page}");
    }
}

#[tokio::test]
async fn the_page_of_a_broker_is_valid() {
    let series = page::read(&page_with_a_topic(&[("weir.metrics.partitions", "true")]).await);
    assert_eq!(series["kafka_controller_kafkacontroller_globaltopiccount"], 1.0);
}

/// Names in the tables of the document; the last section tells what is missing.
fn documented() -> BTreeSet<&'static str> {
    let document = include_str!("../../../docs/metrics.md");
    let (tables, _) = document.split_once("## What is not there").expect("has the section");
    let words = tables.split('`').skip(1).step_by(2).filter(|word| word.contains('_') && !word.contains(['=', '.']));
    words.filter(|word| !word.starts_with("__") && !word.ends_with('_')).collect()
}

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_one_is_there() {
    let page = page_with_a_topic(&[("weir.metrics.partitions", "true")]).await;
    let families: BTreeSet<_> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let documented = documented();
    assert_eq!(families.difference(&documented).collect::<Vec<_>>(), [] as [&&str; 0], "not documented");
    assert_eq!(documented.difference(&families).collect::<Vec<_>>(), [] as [&&str; 0], "not there");
}

#[test]
fn totals_keep_what_deleted_topics_counted() {
    let metrics = Metrics::new();
    metrics.topic(&"a".into()).bytes_in.add(5);
    metrics.topic(&"b".into()).bytes_in.add(2);
    metrics.remove_topic(&"a".into());
    let page = metrics.render();
    assert!(page.contains("brokertopicmetrics_bytesin_total 7\n"), "{page}");
    assert!(!page.contains("topic=\"a\""), "{page}");
}
