"""File systems of their own for the data of single brokers, to which things are done that the machine's would not outlive."""
import errno
import subprocess


class Disk:
    """Mounted where a broker keeps its data. Mounting needs the rights of root."""

    def __init__(self, folder, *what):
        self.folder = folder
        folder.mkdir(parents=True)
        subprocess.run(["mount", *what, folder], check=True)

    def unmount(self):
        subprocess.run(["umount", "--lazy", self.folder], check=True)


class Device(Disk):
    """One that can be told to take no writes: whoever writes waits, in the kernel."""

    def __init__(self, folder, megabytes=256):
        image = folder.with_suffix(".device")
        image.parent.mkdir(parents=True, exist_ok=True)
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
        super().__init__(folder, "-o", "loop", image)

    def freeze(self):
        subprocess.run(["fsfreeze", "--freeze", self.folder], check=True)

    def thaw(self):
        subprocess.run(["fsfreeze", "--unfreeze", self.folder], check=True)


class SmallDisk(Disk):
    """Memory, so little that it can be filled."""

    def __init__(self, folder, megabytes=96):
        super().__init__(folder, "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs")

    @property
    def ballast(self):
        return self.folder / "ballast"

    def fill(self):
        """To the last byte."""
        with open(self.ballast, "wb", buffering=0) as file:
            chunk = 1 << 20
            while chunk:
                try:
                    file.write(bytes(chunk))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    chunk //= 2

    def empty(self):
        self.ballast.unlink()
