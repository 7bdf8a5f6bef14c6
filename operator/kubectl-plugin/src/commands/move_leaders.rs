//! `kubectl weir move-leaders`.

use super::{
    asking::{Asked, ask},
    code,
};
use crate::{access::Access, arguments::MoveLeaders, output};
use custom_resources::{Cluster, request::Ask};
use std::process::ExitCode;

/// Kafka's default of `leader.imbalance.check.interval.seconds`.
const HAND_BACK_SECONDS: &str = "300";

pub(super) async fn run(access: &Access, asked: MoveLeaders) -> anyhow::Result<ExitCode> {
    let MoveLeaders { leaders, named, dry_run } = asked;
    let cluster = access.cluster(named.cluster.as_deref()).await?;
    let request = leaders.off.map_or(Ask::PreferredLeaders, |broker| Ask::MoveLeadersOff { broker });
    let is_done = ask(access, Asked { cluster: &cluster, what: "move-leaders", ask: request, dry_run }).await?;
    if leaders.off.is_some()
        && is_done
        && let Some(seconds) = handed_back_after(&cluster)
    {
        output::note(&format!(
            "preferred leaders lead again by themselves, looked at every {seconds} s; a broker that is fenced leads nothing"
        ));
    }
    Ok(code(is_done))
}

/// `None`: what moved stays.
fn handed_back_after(cluster: &Cluster) -> Option<String> {
    let config = |key: &str| cluster.spec.config.get(key).map(ToString::to_string);
    let is_off = config("auto.leader.rebalance.enable").is_some_and(|value| value.eq_ignore_ascii_case("false"));
    let seconds = config("leader.imbalance.check.interval.seconds");
    (!is_off).then(|| seconds.unwrap_or_else(|| HAND_BACK_SECONDS.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::healthy_cluster;
    use custom_resources::ConfigValue;

    #[test]
    fn hand_back_is_announced_only_where_there_is_one() {
        let mut cluster = healthy_cluster();
        assert_eq!(handed_back_after(&cluster).as_deref(), Some("300"));
        let mut set = |key: &str, value: ConfigValue| cluster.spec.config.insert(key.to_owned(), value);
        set("leader.imbalance.check.interval.seconds", ConfigValue::Number(30));
        assert_eq!(handed_back_after(&cluster).as_deref(), Some("30"));
        cluster.spec.config.insert("auto.leader.rebalance.enable".to_owned(), ConfigValue::Text("False".to_owned()));
        assert_eq!(handed_back_after(&cluster), None);
    }
}
