//! Listeners, connections and requests.

use super::*;

definitions! {
    shown;
    List "advertised.listeners" = null, Any, ReadOnly, Used:
        "Addresses that clients are told, as NAME://HOST:PORT; without it, those of listeners.";
    Int "background.threads" = "10", AtLeast(1), ClusterWide, None:
        "Sizes a thread pool of Kafka; threads follow from the processors here.";
    Long "connections.max.idle.ms" = "600000", Any, ReadOnly, Used:
        "Time after which a connection without requests is closed; negative is never.";
    Int "fetch.max.bytes" = "57671680", AtLeast(1024), ReadOnly, Used: "Largest answer to a Fetch request.";
    Int "fetch.purgatory.purge.interval.requests" = "1000", Any, ReadOnly, None:
        "Tunes how Kafka forgets finished waits; here they end at once.";
    String "inter.broker.listener.name" = null, Any, ReadOnly, Used: "Listener by which the brokers of a cluster reach each other; without it, one named REPLICATION is opened on any free port of the first listener's host.";
    String "listener.security.protocol.map" = "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT", Any, PerBroker, Used:
        "Protocol of each listener name. Only PLAINTEXT is served so far.";
    List "listeners" = "PLAINTEXT://127.0.0.1:9092", NonEmpty, PerBroker, Used:
        "Addresses to listen on, as NAME://HOST:PORT. No host means every address of the machine.";
    Int "max.connection.creation.rate" = "2147483647", AtLeast(0), ClusterWide, Used: "New connections per second.";
    Int "max.connections" = "2147483647", AtLeast(0), ClusterWide, Used: "Connections at a time.";
    Int "max.connections.per.ip" = "2147483647", AtLeast(0), ClusterWide, Used:
        "Connections at a time from one address.";
    String "max.connections.per.ip.overrides" = "", Any, ClusterWide, Used:
        "Other limits for single addresses, as ADDRESS:COUNT, comma separated.";
    Int "max.incremental.fetch.session.cache.slots" = "1000", AtLeast(0), ReadOnly, Used:
        "Incremental fetch sessions that are remembered.";
    Int "max.request.partition.size.limit" = "2000", AtLeast(1), ReadOnly, Used:
        "Partitions in one answer to DescribeTopicPartitions.";
    Int "num.io.threads" = "8", AtLeast(1), ClusterWide, None:
        "Sizes a thread pool of Kafka; threads follow from the processors here.";
    Int "num.network.threads" = "3", AtLeast(1), ClusterWide, None:
        "Sizes a thread pool of Kafka; threads follow from the processors here.";
    Long "queued.max.request.bytes" = "-1", AtLeast(-1), ReadOnly, Used:
        "Memory for requests in progress; -1 derives it from the memory the process may use.";
    Int "queued.max.requests" = "500", AtLeast(1), ReadOnly, None:
        "Sizes a thread pool of Kafka; threads follow from the processors here.";
    Int "request.timeout.ms" = "30000", AtLeast(0), ReadOnly, Used:
        "Time for which an answer that waits for something may take.";
    Long "socket.connection.setup.timeout.max.ms" = "30000", Any, ReadOnly, None:
        "Timeouts of connections to other brokers; there is one broker.";
    Long "socket.connection.setup.timeout.ms" = "10000", Any, ReadOnly, None:
        "Timeouts of connections to other brokers; there is one broker.";
    Int "socket.listen.backlog.size" = "50", AtLeast(1), ReadOnly, Used: "Connections that may wait to be accepted.";
    Int "socket.receive.buffer.bytes" = "102400", AtLeast(-1), ReadOnly, Used:
        "Receive buffer of a client's socket; -1 leaves it to the system.";
    Int "socket.request.max.bytes" = "104857600", AtLeast(1), ReadOnly, Used:
        "Largest request; a larger one closes the connection.";
    Int "socket.send.buffer.bytes" = "102400", AtLeast(-1), ReadOnly, Used:
        "Send buffer of a client's socket; -1 leaves it to the system.";
}
