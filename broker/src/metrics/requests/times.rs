//! Where the time of requests goes.

use crate::metrics::{
    exposition::{Exposition, Kind},
    instruments::{Histogram, HistogramSnapshot},
};

const MILLISECONDS_PER_MICROSECOND: f64 = 0.001;

/// The time of one request by the names of Kafka's stages, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TimeSpent {
    /// Read, and waiting for requests before it or for memory.
    pub(crate) request_queue_us: u32,
    /// Worked on, until it was done or first had to wait.
    pub(crate) local_us: u32,
    /// From then on until there was a response: other members of the group, records, the disk, the controller.
    pub(crate) remote_us: u32,
    /// Waiting for responses before it.
    pub(crate) response_queue_us: u32,
    /// Until the socket had taken it.
    pub(crate) response_send_us: u32,
}

/// Most requests wait nowhere: a stage that took no time is only counted in `total`.
#[derive(Debug, Default)]
pub(crate) struct RequestTimes {
    total: Histogram,
    request_queue: Histogram,
    local: Histogram,
    remote: Histogram,
    response_queue: Histogram,
    response_send: Histogram,
}

type Family = (&'static str, &'static str, fn(&RequestTimes) -> HistogramSnapshot);

/// `throttletimems` is missing while there are no quotas.
pub(super) const FAMILIES: [Family; 6] = [
    ("totaltimems", "Milliseconds from a request read to its response sent", |times| times.total.snapshot()),
    ("requestqueuetimems", "Milliseconds that a request waited for those before it, or for memory", |times| {
        times.stage(&times.request_queue)
    }),
    ("localtimems", "Milliseconds of work until a request was done or had to wait", |times| times.stage(&times.local)),
    ("remotetimems", "Milliseconds that a request waited for others: records, members, the disk", |times| {
        times.stage(&times.remote)
    }),
    ("responsequeuetimems", "Milliseconds that a response waited for those before it", |times| {
        times.stage(&times.response_queue)
    }),
    ("responsesendtimems", "Milliseconds until the socket had taken a response", |times| {
        times.stage(&times.response_send)
    }),
];

impl RequestTimes {
    pub(crate) fn observe(&self, spent: &TimeSpent) {
        let stages = [
            (&self.request_queue, spent.request_queue_us),
            (&self.local, spent.local_us),
            (&self.remote, spent.remote_us),
            (&self.response_queue, spent.response_queue_us),
            (&self.response_send, spent.response_send_us),
        ];
        self.total.observe(stages.iter().map(|(_, us)| u64::from(*us)).sum());
        for (stage, us) in stages {
            if us > 0 {
                stage.observe(us.into());
            }
        }
    }

    fn stage(&self, stage: &Histogram) -> HistogramSnapshot {
        let seen = stage.snapshot();
        // `total` is read later, so it has at least as many.
        seen.with_zeros_up_to(self.total.snapshot().count)
    }
}

pub(super) fn collect(exposition: &mut Exposition, apis: &[(&str, &RequestTimes)]) {
    for (name, help, snapshot) in FAMILIES {
        exposition.family(&format!("kafka_network_requestmetrics_{name}"), Kind::Summary, help);
        for (api, times) in apis {
            exposition.summary(&[("request", api)], &snapshot(times), MILLISECONDS_PER_MICROSECOND);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(times: &RequestTimes) -> String {
        let mut exposition = Exposition::new();
        collect(&mut exposition, &[("Produce", times)]);
        exposition.finish()
    }

    #[test]
    fn each_stage_has_its_series_in_milliseconds() {
        let times = RequestTimes::default();
        let spent = TimeSpent {
            request_queue_us: 1000,
            local_us: 2000,
            remote_us: 4000,
            response_queue_us: 8000,
            response_send_us: 16_000,
        };
        times.observe(&spent);
        let page = page(&times);
        for (name, sum) in [
            ("requestqueuetimems", 1),
            ("localtimems", 2),
            ("remotetimems", 4),
            ("responsequeuetimems", 8),
            ("responsesendtimems", 16),
            ("totaltimems", 31),
        ] {
            let line = format!("kafka_network_requestmetrics_{name}_sum{{request=\"Produce\"}} {sum}\n");
            assert!(page.contains(&line), "{line} is missing in {page}");
        }
    }

    #[test]
    fn requests_that_did_not_wait_count_in_every_stage() {
        let times = RequestTimes::default();
        for remote_us in [0, 0, 0, 4000] {
            times.observe(&TimeSpent { local_us: 5, remote_us, ..TimeSpent::default() });
        }
        let page = page(&times);
        for line in [
            "remotetimems_count{request=\"Produce\"} 4\n",
            "remotetimems{request=\"Produce\",quantile=\"0.5\"} 0\n",
            "remotetimems{request=\"Produce\",quantile=\"0.75\"} 0\n",
            "remotetimems_sum{request=\"Produce\"} 4\n",
            "responsequeuetimems_count{request=\"Produce\"} 4\n",
        ] {
            assert!(page.contains(line), "{line} is missing in {page}");
        }
        assert!(!page.contains("remotetimems{request=\"Produce\",quantile=\"0.95\"} 0\n"), "{page}");
    }
}
