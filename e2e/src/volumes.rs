//! The volume of a broker as a folder of its node, and what happens to it behind the broker's back.

use crate::{
    Place,
    nodes::{in_node, node_of},
    pod_name,
};
use anyhow::Context as _;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::Api;

/// In a node: cuts the newest segment of a partition short, writes rubbish at its end, or zeroes its index: by turns, for each
/// partition of the load that has records.
const DAMAGE: &str = r#"
turn=0
for folder in "$1"/data/load-*; do
  log=$(ls "$folder"/*.log | tail -n 1)
  size=$(stat -c %s "$log")
  [ "$size" -gt 200 ] || continue
  case $((turn % 3)) in
    0) truncate -s $((size - 7)) "$log" ;;
    1) head -c 40 /dev/urandom | dd of="$log" bs=1 seek=$((size - 60)) conv=notrunc status=none ;;
    2) index=${log%.log}.index; [ ! -e "$index" ] || head -c "$(stat -c %s "$index")" /dev/zero | dd of="$index" conv=notrunc status=none ;;
  esac
  turn=$((turn + 1))
done
[ "$turn" -ge 3 ]
"#;

/// In a node: a file system of its own where the volume is, for the next pod to find: in memory, or on a device, which is a file beside it.
const COVER_WITH_MEMORY: &str = r#"mount -t tmpfs -o size="$2",mode=0777 weir-e2e "$1""#;
const COVER_WITH_DEVICE: &str = r#"
set -e
device=$1.weir-e2e
truncate -s "$2" "$device"
mkfs.ext4 -q -m 0 "$device"
mount -o loop "$device" "$1"
chmod 0777 "$1"
"#;
const UNCOVER: &str = r#"umount -l "$1" && rm -f "$1.weir-e2e""#;
/// Whatever writes there waits, in the kernel. Never the file system of the node: it would stand still as a whole.
const FREEZE: &str = r#"[ -e "$1.weir-e2e" ] && mountpoint -q "$1" && fsfreeze --freeze "$1""#;
const THAW: &str = r#"fsfreeze --unfreeze "$1""#;
const ENLARGE: &str = r#"mount -o remount,size="$2" "$1""#;
const FILL: &str = r#"dd if=/dev/zero of="$1"/filler bs=64k status=none; [ -s "$1"/filler ]"#;
const MAKE_ROOM: &str = r#"rm -f "$1"/filler"#;
const RENUMBER: &str = r#"sed -i -E 's/("broker_id": *)[0-9]+/\1'"$2"'/' "$1"/data/weir.json"#;

pub fn claim_name(broker: i32) -> String {
    format!("data-{}", pod_name(broker))
}

/// What a volume is made of, and its size as `mount` or `truncate` takes it.
#[derive(Debug, Clone, Copy)]
pub enum Medium {
    Memory(&'static str),
    Device(&'static str),
}

#[derive(Debug, Clone)]
pub struct BrokerVolume {
    pub node: String,
    folder: String,
}

impl BrokerVolume {
    pub async fn of(place: &Place, broker: i32) -> anyhow::Result<Self> {
        let pod = place.api::<Pod>().get(&pod_name(broker)).await.context("find the broker's pod")?;
        let claim =
            place.api::<PersistentVolumeClaim>().get(&claim_name(broker)).await.context("find the broker's claim")?;
        let name = claim.spec.and_then(|spec| spec.volume_name).context("the claim has a volume")?;
        let volumes: Api<PersistentVolume> = Api::all(place.client.clone());
        let spec = volumes.get(&name).await.context("find the broker's volume")?.spec.context("it says where it is")?;
        let of_host = spec.host_path.map(|at| at.path);
        let folder = of_host.or(spec.local.map(|at| at.path)).context("the volume is a folder of its node")?;
        Ok(Self { node: node_of(&pod)?, folder })
    }

    /// Ends of logs that a process could have left, and worse. Nobody has them open.
    pub async fn damage_logs(&self) -> anyhow::Result<()> {
        self.run(DAMAGE, &[]).await.context("damage the logs")
    }

    /// The broker's next pod finds an empty volume.
    pub async fn cover(&self, medium: Medium) -> anyhow::Result<()> {
        let (script, size) = match medium {
            Medium::Memory(size) => (COVER_WITH_MEMORY, size),
            Medium::Device(size) => (COVER_WITH_DEVICE, size),
        };
        self.run(script, &[size]).await.context("make a volume of its own")
    }

    /// In use, as a storage driver does it.
    pub async fn enlarge_to(&self, size: &str) -> anyhow::Result<()> {
        self.run(ENLARGE, &[size]).await.context("make the volume larger")
    }

    pub async fn uncover(&self) -> anyhow::Result<()> {
        self.run(UNCOVER, &[]).await.context("take the volume of its own away")
    }

    /// It takes no writes. Of a device.
    pub async fn freeze(&self) -> anyhow::Result<()> {
        self.run(FREEZE, &[]).await.context("stop the device")
    }

    pub async fn thaw(&self) -> anyhow::Result<()> {
        self.run(THAW, &[]).await.context("let the device go on")
    }

    pub async fn fill(&self) -> anyhow::Result<()> {
        self.run(FILL, &[]).await.context("fill the volume")
    }

    pub async fn make_room(&self) -> anyhow::Result<()> {
        self.run(MAKE_ROOM, &[]).await.context("make room on the volume")
    }

    /// It says that it is of another broker.
    pub async fn renumber(&self, broker: i32) -> anyhow::Result<()> {
        self.run(RENUMBER, &[&broker.to_string()]).await.context("change whose the volume is")
    }

    async fn run(&self, script: &str, more: &[&str]) -> anyhow::Result<()> {
        in_node(&self.node, script, &[&[self.folder.as_str()], more].concat()).await.map(drop)
    }
}
