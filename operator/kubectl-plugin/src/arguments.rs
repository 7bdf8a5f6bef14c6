//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Look after clusters of Weir.
///
/// Shows a cluster as its controller sees it: from the Cluster and Topic resources, and from the metadata that the
/// controller keeps in objects of Kubernetes. It talks to the API server only, with your rights, and reads no Secret.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-weir",
    bin_name = "kubectl weir",
    version,
    after_help = "Exit codes: 0 all is well, or it was done; 1 something is not well, or it was refused; \
                  2 wrong command line, or the cluster could not be read.\n\n\
                  Examples:\n  \
                  kubectl weir status                       the only cluster of the namespace\n  \
                  kubectl weir status events -n data        one cluster\n  \
                  kubectl weir partitions events --unhealthy\n  \
                  until kubectl weir status events >/dev/null; do sleep 5; done"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which Kubernetes, and how results look.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Namespace of the cluster [default: that of the kubeconfig's context]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Context of the kubeconfig [default: the current one]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Kubeconfig to read [default: $KUBECONFIG, or ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// How results look
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document, for programs.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// How a cluster is: brokers, leaders, partitions, epochs, roll-out
    ///
    /// Healthy is a cluster whose brokers serve, whose partitions all have a leader and all replicas in sync, and whose
    /// operator runs. Restarts that go their way are no problem; the replicas that are out of sync meanwhile are.
    Status(Named),
    /// Topics of a cluster, those of Kafka clients too, and what is wrong with them
    Topics(Topics),
    /// Partitions of a cluster: leaders, replicas, who is in sync
    ///
    /// REPLICAS begins with the preferred leader. ELR are replicas outside the ISR that have every committed record
    /// nevertheless (KIP-966).
    Partitions(Partitions),
    /// Collects what helps to understand a problem, in a folder
    ///
    /// Status, topics and partitions, the objects of the cluster, events of its namespace, logs of brokers and operator, and
    /// the metadata. No Secret is read; values of configuration keys that sound secret and of environment variables are left
    /// out. Names of topics, hosts and nodes are in it, and whatever is in logs.
    Report(Report),
    /// Restarts the brokers of a cluster, one at a time
    ///
    /// As kubectl rollout restart: it annotates the pod template of the Cluster. Each broker hands over what it leads, and
    /// goes only when no partition falls below its in-sync minimum without it.
    Restart(Named),
    /// Moves every replica off a broker, and keeps it empty
    ///
    /// For a node or a disk that is to go. Others take the replicas, twenty partitions at a time, and the broker leads and
    /// follows until they are in sync in its place: clients notice nothing. It is given no new replicas until --cancel. Its pod
    /// and its volume stay: to have fewer brokers, kubectl scale, which drains the last ones by itself.
    ///
    /// Refused where the other brokers are fewer than a topic has replicas. The controller checks and begins in one step;
    /// --dry-run only checks.
    #[command(after_help = "Examples:\n  \
                            kubectl weir drain 2 --dry-run            what it would come to\n  \
                            kubectl weir drain 2 events --wait        begin, and return once it is empty\n  \
                            kubectl weir drain 2 events --cancel      it is given replicas again")]
    Drain(Drain),
    /// Takes a broker out of service until it is unfenced
    ///
    /// It leads nothing, is in no ISR and clients are not sent to it, whatever it does and whoever becomes its controller. Its
    /// process goes on and catches up, and its replicas stay where they are. For a broker that does harm: a slow disk, a
    /// network that loses packets.
    ///
    /// Refused where a partition would have no leader, or too few replicas in sync for acks=all: wait, drain the broker
    /// instead, or --force. No record is lost by force: such partitions wait for the broker.
    #[command(after_help = "Examples:\n  \
                            kubectl weir fence 1 --dry-run\n  \
                            kubectl weir fence 1 events && kubectl weir status events\n  \
                            kubectl weir unfence 1 events")]
    Fence(Fence),
    /// Lets a broker in again that was fenced by hand
    ///
    /// As soon as the controller hears it. It leads what nobody leads, joins the ISRs once it has caught up, and leads its
    /// own partitions again when preferred leaders are looked at. One that was not fenced by hand stays as it is.
    Unfence(Unfence),
    /// Has others lead what a broker leads, or the preferred leaders lead
    ///
    /// Once: nothing keeps the broker from leading again, and preferred leaders do by themselves
    /// (auto.leader.rebalance.enable). Only replicas that are in sync become leaders; of partitions of which nobody else is in
    /// sync the broker leads on. Clients see one retriable error per partition.
    #[command(after_help = "Examples:\n  \
                            kubectl weir move-leaders --off 0 --dry-run\n  \
                            kubectl weir move-leaders events --off 0\n  \
                            kubectl weir move-leaders events --preferred")]
    MoveLeaders(MoveLeaders),
    /// Brings a deleted topic back, with its records
    ///
    /// As long as deletionUndoWindow of the cluster lets it: kubectl weir topics --deleted lists them. A Topic resource does
    /// not come back with it; make one with the annotation weir.dev/adopt=true. Asks the operator by an annotation of the
    /// Cluster and waits for its answer.
    Undelete(Undelete),
    /// Topics whose resources were deleted and that stay until somebody says whether that was meant
    ///
    /// Of many Topic resources that are deleted at once the operator deletes no topic. Asks the operator as undelete does.
    Held(Held),
    /// Writes the metadata of a cluster into a file, for a backup
    ///
    /// The file has topics, partitions, brokers and configurations, and no records. Values of configurations are in it as
    /// they were set. import-metadata and kubectl create -f take it.
    ExportMetadata(ExportMetadata),
    /// Puts exported metadata where a cluster has none any more
    ///
    /// For a Cluster that was deleted together with its metadata and whose volumes were kept: import, then apply the Cluster
    /// again. Metadata alone the operator rebuilds from brokers. The file is checked first: checksums, and that nothing is
    /// missing. Metadata that is there is never replaced.
    ImportMetadata(ImportMetadata),
}

#[derive(Debug, Args)]
pub(crate) struct Topics {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Those that were deleted and can be brought back, instead
    #[arg(long)]
    pub(crate) deleted: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Partitions {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Only those of this topic
    #[arg(long, value_name = "NAME")]
    pub(crate) topic: Option<String>,
    /// Only those with a replica on this broker
    #[arg(long, value_name = "ID")]
    pub(crate) broker: Option<i32>,
    /// Only those without a leader, below their in-sync minimum, or with a replica out of sync
    #[arg(long)]
    pub(crate) unhealthy: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// Id of the broker
    #[arg(value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) broker: i32,
    #[command(flatten)]
    pub(crate) named: Named,
    /// End it: the broker is given replicas again, and what moved stays where it is
    #[arg(long, conflicts_with = "wait")]
    pub(crate) cancel: bool,
    /// Return only when the broker has no replicas
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) wait: bool,
    /// With --wait: give up waiting after so many seconds, with exit code 1 [default: wait as long as it takes]
    #[arg(long = "timeout", value_name = "SECONDS", requires = "wait")]
    pub(crate) timeout_seconds: Option<u64>,
    /// Have the controller check whether it can be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Fence {
    /// Id of the broker
    #[arg(value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) broker: i32,
    #[command(flatten)]
    pub(crate) named: Named,
    /// Also where partitions have no leader or too few replicas in sync then
    #[arg(long)]
    pub(crate) force: bool,
    /// Have the controller check whether it can be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Unfence {
    /// Id of the broker
    #[arg(value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) broker: i32,
    #[command(flatten)]
    pub(crate) named: Named,
    /// Have the controller check whether it can be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MoveLeaders {
    #[command(flatten)]
    pub(crate) leaders: Leaders,
    #[command(flatten)]
    pub(crate) named: Named,
    /// Have the controller check what can be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Who is to lead.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Leaders {
    /// Others than this broker, in its place
    #[arg(long, value_name = "BROKER", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) off: Option<i32>,
    /// The first replica of each partition
    #[arg(long)]
    pub(crate) preferred: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Undelete {
    /// Name of the topic, or its id where several of that name were deleted
    pub(crate) topic: String,
    #[command(flatten)]
    pub(crate) named: Named,
}

#[derive(Debug, Args)]
pub(crate) struct Held {
    #[command(flatten)]
    pub(crate) named: Named,
    /// It was meant: delete those that this digest stands for, which `held` shows
    #[arg(long, value_name = "DIGEST")]
    pub(crate) delete: Option<String>,
    /// It was not: leave them, as topics of no resource
    #[arg(long, value_name = "DIGEST", conflicts_with = "delete")]
    pub(crate) keep: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Folder to make; it must not be there yet [default: weir-report-CLUSTER-TIME]
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportMetadata {
    #[command(flatten)]
    pub(crate) named: Named,
    /// File to write; it must not be there yet [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportMetadata {
    /// What export-metadata wrote
    pub(crate) file: PathBuf,
    /// Check the file and whether it would be taken, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The cluster that is meant.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Name of the Cluster [default: the only one of the namespace]
    pub(crate) cluster: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn definitions_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_makes_no_sense_together_is_refused() {
        let table = [
            ("weir move-leaders events", false),
            ("weir move-leaders --off 1 --preferred", false),
            ("weir move-leaders events --off 1", true),
            ("weir move-leaders --preferred", true),
            ("weir drain 1 --cancel --wait", false),
            ("weir drain 1 --timeout 5", false),
            ("weir drain 1 events --wait --timeout 5", true),
            ("weir drain 1 --wait --dry-run", false),
            ("weir drain", false),
            ("weir fence -1", false),
            ("weir fence 1 events --force --dry-run", true),
            ("weir unfence 1 --force", false),
        ];
        for (line, is_good) in table {
            assert_eq!(Arguments::try_parse_from(line.split(' ')).is_ok(), is_good, "{line}");
        }
    }

    #[test]
    fn flags_stand_before_and_after_the_command() {
        for line in ["weir -n data -o json status events", "weir status events --namespace data --output json"] {
            let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(arguments.target.namespace.as_deref(), Some("data"), "{line}");
            assert_eq!(arguments.target.output, Format::Json, "{line}");
        }
    }
}
