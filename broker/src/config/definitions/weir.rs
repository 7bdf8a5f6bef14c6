//! Keys of our own. Environment: `WEIR_ADMIN_LISTEN` is `weir.admin.listen`, and so on.

use super::*;

definitions! {
    shown;
    String "weir.admin.listen" = "127.0.0.1:9644", NonEmpty, ReadOnly, Used:
        "Address of the HTTP port with /livez, /readyz and /metrics, as HOST:PORT; none closes it.";
    String "weir.cluster.id" = null, NonEmpty, ReadOnly, Used:
        "Cluster id of a new data folder, as the variable CLUSTER_ID of Kafka's image; an existing folder must have the same.";
    String "weir.compressed.batch.validation" = "records", OneOf(&["records", "checksum"]), ReadOnly, Used:
        "What is checked of a compressed batch: records unpacks it and looks at every record, as Kafka does; checksum takes it by header and checksum where no rule of the topic needs what is inside, which saves most of the CPU time of compressed produce, and lets a producer that packs nonsense reach consumers.";
    String "weir.control.plane.listen" = null, NonEmpty, ReadOnly, Used:
        "Address at which the controller in this process waits for the brokers of the cluster, as HOST:PORT.";
    String "weir.controller" = null, NonEmpty, ReadOnly, Used:
        "Address of the cluster's controller, as HOST:PORT, for a process with process.roles=broker.";
    String "weir.controller.token.file" = null, NonEmpty, ReadOnly, Used:
        "File with the token that this broker shows to the cluster's controller, where that asks for one: the operator does. Read for each session.";
    Long "weir.delete.topic.undo.ms" = "0", Between(0, 2_592_000_000), ReadOnly, Used:
        "How long the records of a deleted topic are kept so that the deletion can be undone, at the controller. 0: a deletion is final at once. The space is free only afterwards.";
    String "weir.log.format" = "text", OneOf(&["text", "json"]), ReadOnly, Used: "How log lines are written to standard error.";
    String "weir.log.level" = "info", NonEmpty, ReadOnly, Used:
        "What is logged: error, warn, info, debug or trace, also per module as in info,broker::server=debug.";
    Boolean "weir.metrics.partitions" = "false", Any, ReadOnly, Used: "Whether /metrics has a series per partition.";
    Long "weir.reassignment.throttled.rate" = "9223372036854775807", AtLeast(0), ClusterWide, Used:
        "Bytes a second that this broker sends to replicas which a reassignment adds, and that such replicas here fetch. It counts where it is set while brokers run, for one or as the default of all; what is in sync is never held up.";
    Long "weir.stop.linger.ms" = "300", Between(0, 60_000), ReadOnly, Used:
        "How long a broker of a cluster that stops still answers its clients once others lead what it led, so that they hear from it who does. It ends earlier when no client is connected. One whose connection breaks asks another broker, which may not have heard yet, and then often not again for a second.";
}
