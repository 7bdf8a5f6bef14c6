//! Requests about brokers: the controller checks and does in one step what it is asked, and answers why not.

use control_plane::ControllerHandle;
use controller::{
    ControllerError, HoldError,
    errors::ElectionError,
    requests::{ElectLeaders, HeldBroker, HoldBroker, HoldChange, MoveLeaders, MovedLeaders},
};
use custom_resources::request::{Ask, Request};
use model::BrokerId;

/// Commits by which the leaders of one broker move at most: of 100,000 partitions.
const MOST_COMMITS: usize = 100;

/// What was done, or why it was refused; an error: nobody decides now.
pub(super) async fn answer(
    request: &Request,
    controller: &ControllerHandle,
) -> Result<Result<String, String>, ControllerError> {
    let (broker, change, force) = match request.ask {
        Ask::Fence { broker, force } => (broker, HoldChange::Fence, force),
        Ask::Unfence { broker } => (broker, HoldChange::Unfence, false),
        Ask::Drain { broker } => (broker, HoldChange::Drain, false),
        Ask::Undrain { broker } => (broker, HoldChange::Undrain, false),
        Ask::MoveLeadersOff { broker } => {
            let moved = move_leaders(controller, BrokerId(broker), request.dry_run).await?;
            return Ok(moved.map(|moved| told_of_leaders(broker, moved, request.dry_run)).map_err(|why| refusal(&why)));
        }
        Ask::PreferredLeaders => return preferred_leaders(controller, request.dry_run).await.map(Ok),
        Ask::Undelete(_) | Ask::HeldDeletions { .. } => return Ok(Err("that is about topics".to_owned())),
    };
    let hold = HoldBroker { id: BrokerId(broker), change, force, validate_only: request.dry_run };
    let held = controller.hold_broker(hold).await?;
    Ok(held.map(|held| told_of_hold(broker, change, held, request.dry_run)).map_err(|why| refusal(&why)))
}

async fn move_leaders(
    controller: &ControllerHandle,
    from: BrokerId,
    dry_run: bool,
) -> Result<Result<MovedLeaders, HoldError>, ControllerError> {
    let mut total = 0;
    for _ in 0..MOST_COMMITS {
        let moved = controller.move_leaders(MoveLeaders { from, validate_only: dry_run }).await?;
        let MovedLeaders { moved, staying, left } = match moved {
            Ok(moved) => moved,
            Err(why) => return Ok(Err(why)),
        };
        total += moved;
        if dry_run || left == 0 {
            return Ok(Ok(MovedLeaders { moved: total + left, staying, left: 0 }));
        }
    }
    Ok(Ok(MovedLeaders { moved: total, staying: 0, left: 1 }))
}

async fn preferred_leaders(controller: &ControllerHandle, dry_run: bool) -> Result<String, ControllerError> {
    if dry_run {
        return Ok("preferred leaders would lead where they are in sync".to_owned());
    }
    let elected = controller.elect_leaders(ElectLeaders { partitions: None, unclean: false }).await?;
    let moved = elected.iter().filter(|(_, result)| result.is_ok()).count();
    let out_of_sync = |result: &Result<(), ElectionError>| *result == Err(ElectionError::PreferredLeaderNotAvailable);
    let away = elected.iter().filter(|(_, result)| out_of_sync(result)).count();
    Ok(match away {
        0 => format!("preferred leaders lead: {moved} partitions changed"),
        _ => format!("{moved} partitions changed; of {away} the preferred leader is not in sync and does not lead"),
    })
}

fn told_of_leaders(broker: i32, MovedLeaders { moved, staying, left }: MovedLeaders, dry_run: bool) -> String {
    let verb = if dry_run { "would lead" } else { "lead" };
    let mut told = format!("others {verb} {moved} partitions that broker {broker} led");
    if staying > 0 {
        told.push_str(&format!("; it leads on {staying} of which nobody else is in sync"));
    }
    if left > 0 {
        told.push_str("; it leads more: ask again");
    }
    told
}

fn told_of_hold(broker: i32, change: HoldChange, held: HeldBroker, dry_run: bool) -> String {
    let HeldBroker { hold, changed, leaders_moved, replicas } = held;
    let would = if dry_run { "would be" } else { "is" };
    match (change, changed) {
        (HoldChange::Fence, true) => {
            let leaders = if dry_run { "would get" } else { "got" };
            format!(
                "broker {broker} {would} fenced until it is unfenced; {leaders_moved} partitions {leaders} another leader"
            )
        }
        (HoldChange::Drain, true) => {
            let moves = if dry_run { "would move" } else { "move" };
            format!("broker {broker} {would} given no new replicas; the {replicas} that it has {moves} to others")
        }
        (HoldChange::Unfence, true) => {
            let rest = if hold.drained { ", and is to be drained on" } else { "" };
            format!("broker {broker} {would} let in again as soon as it is heard{rest}")
        }
        (HoldChange::Undrain, true) => {
            format!("broker {broker} {would} given replicas again; those that moved stay where they are")
        }
        (HoldChange::Fence, false) => format!("broker {broker} is fenced by hand already"),
        (HoldChange::Drain, false) => format!("broker {broker} is to be drained already; it has {replicas} replicas"),
        (HoldChange::Unfence, false) => format!("broker {broker} is not fenced by hand"),
        (HoldChange::Undrain, false) => format!("broker {broker} is not to be drained"),
    }
}

/// With what a person can do about it.
fn refusal(why: &HoldError) -> String {
    let remedy = match why {
        HoldError::UnknownBroker(_) => "kubectl weir status lists those that are",
        HoldError::FeatureOff => {
            "once all brokers and operators are of this version, \
             kafka-features upgrade --feature weir.broker.holds.version=1"
        }
        HoldError::WouldTakeOffline { .. } | HoldError::WouldFallBelowMinimum { .. } => {
            "wait until more replicas are in sync (kubectl weir partitions --unhealthy), drain the broker instead, \
             or force it"
        }
        HoldError::TooFewBrokers { .. } => {
            "add a broker, let another be given replicas again, or lower the replicas of the topic"
        }
    };
    format!("{why}: {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use controller::Hold;

    #[test]
    fn refusal_says_what_to_do() {
        let table = [
            (HoldError::UnknownBroker(7), "no broker 7 is registered: kubectl weir status"),
            (HoldError::FeatureOff, "weir.broker.holds.version is 0: once all"),
            (
                HoldError::WouldTakeOffline { partition: "a-0".to_owned(), count: 3 },
                "3 partitions would have no leader, a-0 first: wait",
            ),
            (
                HoldError::TooFewBrokers { topic: "a".to_owned(), replicas: 3, brokers: 2 },
                "2 brokers would be left for them: add a broker",
            ),
        ];
        for (why, expected) in table {
            let told = refusal(&why);
            assert!(told.contains(expected) && told.chars().count() <= super::super::LONGEST_MESSAGE, "{told}");
        }
    }

    #[test]
    fn dry_run_tells_what_would_be() {
        let held =
            HeldBroker { hold: Hold { fenced: true, drained: false }, changed: true, leaders_moved: 3, replicas: 9 };
        assert_eq!(
            told_of_hold(2, HoldChange::Fence, held, true),
            "broker 2 would be fenced until it is unfenced; 3 partitions would get another leader"
        );
        assert_eq!(
            told_of_hold(2, HoldChange::Drain, held, false),
            "broker 2 is given no new replicas; the 9 that it has move to others"
        );
        let moved = MovedLeaders { moved: 4, staying: 1, left: 0 };
        assert_eq!(
            told_of_leaders(1, moved, false),
            "others lead 4 partitions that broker 1 led; it leads on 1 of which nobody else is in sync"
        );
    }
}
