//! Random members against one coordinator, by seed: they join, sync, beat, commit, leave, fall silent and come back,
//! while the coordinator now and then restarts with only its log. After every step the promises of a group must hold.

use crate::{
    bench::{Bench, GROUP, commit, join, protocol, static_join, sync},
    decision::{ReplyTo, Timer},
    errors::GroupError,
    group::GroupState,
    ids::{Generation, InstanceId, MemberId},
    reply::Reply,
    request::{Event, Heartbeat, JoinGroup, LeaveGroup, LeavingMember, Request, SyncGroup},
};
use bytes::Bytes;
use model::GroupId;
use std::{collections::BTreeMap, time::Duration};

/// SplitMix64: small, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }
}

#[derive(Debug, Clone)]
enum Phase {
    Out,
    Joining(ReplyTo),
    Joined { leads: bool, members: Vec<MemberId> },
    Syncing(ReplyTo),
    In,
}

#[derive(Debug)]
struct Client {
    member: MemberId,
    instance: Option<InstanceId>,
    generation: Generation,
    topic: &'static str,
    phase: Phase,
}

struct Simulation {
    random: Random,
    bench: Bench,
    clients: Vec<Client>,
    /// What the leader of each generation assigned. Cleared when the coordinator forgets unrecorded generations.
    assigned: BTreeMap<Generation, BTreeMap<MemberId, Bytes>>,
    highest: Generation,
    stable_generations: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let client = |index: u64| Client {
            member: MemberId::unknown(),
            instance: index.is_multiple_of(3).then(|| InstanceId::from(format!("i{index}"))),
            generation: Generation::NONE,
            topic: "t",
            phase: Phase::Out,
        };
        Self {
            random: Random(seed),
            bench: Bench::new(),
            clients: (0..5).map(client).collect(),
            assigned: BTreeMap::new(),
            highest: Generation(0),
            stable_generations: 0,
        }
    }

    fn step(&mut self) {
        let index = usize::try_from(self.random.below(5)).unwrap();
        match self.random.below(40) {
            0 => self.restart(),
            1 => self.leave(index),
            2 => self.crash(index),
            3 => self.clients[index].topic = if self.random.one_in(2) { "t" } else { "u" },
            4 => self.bench.event(&Event::ExpireOffsets),
            5..=12 => {
                let ms = self.random.below(4_000);
                self.bench.advance(Duration::from_millis(ms));
            }
            _ => self.act(index),
        }
        self.collect();
        self.check();
    }

    /// What a client does next, where it stands.
    fn act(&mut self, index: usize) {
        match self.clients[index].phase.clone() {
            Phase::Out => self.join(index),
            Phase::Joined { leads, members } => self.sync(index, leads, &members),
            Phase::In if self.random.one_in(8) => self.join(index),
            Phase::In if self.random.one_in(4) => self.commit(index),
            Phase::In => self.heartbeat(index),
            Phase::Joining(_) | Phase::Syncing(_) => {}
        }
    }

    fn join(&mut self, index: usize) {
        let client = &self.clients[index];
        let base = match &client.instance {
            Some(instance) => static_join(&client.member, instance),
            None => join(&client.member),
        };
        let request = JoinGroup {
            protocols: vec![protocol("range", client.topic)],
            supports_skipping_assignment: self.random.one_in(2),
            ..base
        };
        self.clients[index].phase = Phase::Joining(self.bench.send_join(request));
    }

    fn sync(&mut self, index: usize, leads: bool, members: &[MemberId]) {
        let client = &self.clients[index];
        let mut request =
            SyncGroup { instance: client.instance.clone(), ..sync(&client.member, client.generation, &[]) };
        if leads {
            let salt = self.random.next();
            let mut part = |member: &MemberId| (member.clone(), Bytes::from(format!("{member}/{salt}")));
            request.assignments = members.iter().map(&mut part).collect();
        }
        let was_open = self.bench.state() == GroupState::CompletingRebalance;
        let assignments: BTreeMap<_, _> = request.assignments.iter().cloned().collect();
        self.clients[index].phase = Phase::Syncing(self.bench.send(Request::Sync(request)));
        if was_open && self.bench.state() == GroupState::Stable {
            self.assigned.insert(self.clients[index].generation, assignments);
            self.stable_generations += 1;
        }
    }

    fn heartbeat(&mut self, index: usize) {
        let client = &self.clients[index];
        let (generation, member, instance) = (client.generation, client.member.clone(), client.instance.clone());
        let request = Heartbeat { group: GroupId::from(GROUP), generation, member, instance };
        match self.bench.ask(Request::Heartbeat(request)) {
            Reply::Heartbeat(Ok(())) => {}
            Reply::Heartbeat(Err(error)) => self.refused(index, error),
            other => panic!("{other:?}"),
        }
    }

    fn commit(&mut self, index: usize) {
        let client = &self.clients[index];
        let offset = i64::try_from(self.random.below(1_000)).unwrap();
        let mut request = commit(&client.member, client.generation.0, &[(client.topic, 0, offset)]);
        request.instance = client.instance.clone();
        let topic = client.topic;
        match self.bench.commit(request) {
            Ok(()) => assert_eq!(self.bench.offset(topic, 0), offset),
            Err(error) => self.refused(index, error),
        }
    }

    fn leave(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if client.member.is_unknown() {
            return;
        }
        let leaving = LeavingMember { member: client.member.clone(), instance: client.instance.clone(), reason: None };
        let request = LeaveGroup { group: GroupId::from(GROUP), members: vec![leaving] };
        self.bench.ask(Request::Leave(request));
        self.crash(index);
    }

    /// The client forgets what it was; the coordinator hears nothing.
    fn crash(&mut self, index: usize) {
        let client = &mut self.clients[index];
        (client.member, client.phase) = (MemberId::unknown(), Phase::Out);
    }

    fn restart(&mut self) {
        self.bench.restart();
        for client in &mut self.clients {
            // Connections break; ids and generations are kept, as real clients keep them.
            if matches!(client.phase, Phase::Joining(_) | Phase::Syncing(_)) {
                client.phase = Phase::Out;
            }
        }
        self.highest = Generation(0);
        self.assigned.retain(|generation, _| *generation <= current(&self.bench));
    }

    fn refused(&mut self, index: usize, error: GroupError) {
        let client = &mut self.clients[index];
        client.phase = Phase::Out;
        match error {
            GroupError::UnknownMemberId | GroupError::FencedInstanceId => client.member = MemberId::unknown(),
            GroupError::IllegalGeneration | GroupError::RebalanceInProgress | GroupError::GroupIdNotFound => {}
            other => panic!("no client should see {other}"),
        }
    }

    /// Hands answers to those who wait.
    fn collect(&mut self) {
        for index in 0..self.clients.len() {
            let (Phase::Joining(to) | Phase::Syncing(to)) = self.clients[index].phase else { continue };
            match self.bench.answer(to) {
                None => {}
                Some(Reply::Join(Ok(joined))) => {
                    let client = &mut self.clients[index];
                    client.generation = joined.generation;
                    let leads = joined.leader == joined.member && !joined.skip_assignment;
                    client.member = joined.member;
                    let members = joined.members.into_iter().map(|member| member.member).collect();
                    client.phase = Phase::Joined { leads, members };
                }
                Some(Reply::Join(Err(refusal))) if refusal.error == GroupError::MemberIdRequired => {
                    let client = &mut self.clients[index];
                    (client.member, client.phase) = (refusal.member, Phase::Out);
                }
                Some(Reply::Sync(Ok(synced))) => {
                    let client = &mut self.clients[index];
                    if let Some(assigned) = self.assigned.get(&client.generation) {
                        let fits =
                            client.instance.is_some() || assigned.get(&client.member) == Some(&synced.assignment);
                        assert!(fits, "{} got what another was assigned", client.member);
                    }
                    client.phase = Phase::In;
                }
                Some(Reply::Join(Err(refusal))) => self.refused(index, refusal.error),
                Some(Reply::Sync(Err(error))) => self.refused(index, error),
                Some(other) => panic!("{other:?}"),
            }
        }
    }

    fn check(&mut self) {
        let generation = current(&self.bench);
        if self.bench.state() != GroupState::Dead {
            assert!(generation >= self.highest, "generations only rise: {generation} after {}", self.highest);
            self.highest = generation;
        } else {
            self.highest = Generation(0);
            self.assigned.clear();
        }
        let group = GroupId::from(GROUP);
        let Some(group) = self.bench.coordinator.group(&group) else { return };
        match group.state {
            GroupState::Empty => assert!(group.members.is_empty() && group.leader.is_none()),
            GroupState::CompletingRebalance | GroupState::Stable => {
                let leader = group.leader.as_ref().expect("one leads");
                assert!(group.members.contains_key(leader), "the leader is a member");
                assert!(group.protocol.is_some());
            }
            GroupState::PreparingRebalance => {
                let join_phase = Timer::JoinPhase { group: group.id.clone() };
                assert!(self.bench.timers.contains_key(&join_phase), "a join phase ends by itself");
            }
            GroupState::Dead => unreachable!("dead groups are not kept"),
        }
        if group.state == GroupState::Stable {
            assert!(
                group.members.values().all(|member| member.awaiting_sync.is_none()),
                "all who waited were answered"
            );
            if let Some(assigned) = self.assigned.get(&group.generation) {
                let values: Vec<_> = assigned.values().collect();
                assert!(group.members.values().all(|member| values.contains(&&member.assignment)));
            }
        }
        for member in group.members.values().filter(|member| !member.session_is_satisfied()) {
            let session = Timer::Session { group: group.id.clone(), member: member.id.clone() };
            assert!(self.bench.timers.contains_key(&session), "a silent member is found out");
        }
    }
}

fn current(bench: &Bench) -> Generation {
    bench.coordinator.group(&GroupId::from(GROUP)).map_or(Generation(0), |group| group.generation)
}

#[test]
fn groups_keep_their_promises_under_random_members_and_restarts() {
    let mut stable_generations = 0;
    for seed in 0..300 {
        let mut simulation = Simulation::new(seed);
        for _ in 0..400 {
            simulation.step();
        }
        stable_generations += simulation.stable_generations;
        // Left alone, every group comes to rest and every parked request is answered.
        simulation.bench.advance(Duration::from_secs(3_600));
        simulation.collect();
        let parked =
            simulation.clients.iter().filter(|client| matches!(client.phase, Phase::Joining(_) | Phase::Syncing(_)));
        assert_eq!(parked.count(), 0, "seed {seed}");
        assert!(matches!(simulation.bench.state(), GroupState::Empty | GroupState::Dead), "seed {seed}");
        assert!(simulation.bench.timers.is_empty(), "seed {seed}: {:?}", simulation.bench.timers);
        simulation.bench.restart();
    }
    assert!(stable_generations > 1_000, "the runs reach stable groups: {stable_generations}");
}

#[test]
fn same_seed_gives_the_same_log() {
    let log = |seed| {
        let mut simulation = Simulation::new(seed);
        (0..300).for_each(|_| simulation.step());
        simulation.bench.log
    };
    assert_eq!(log(7), log(7));
    assert_ne!(log(7), log(8));
}
