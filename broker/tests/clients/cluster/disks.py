"""File systems of their own for the data of single brokers, so small that they can be filled."""
import errno
import subprocess


class Device:
    """A file system on a device that can be told to take no writes: whoever writes waits, in the kernel. Needs the rights of root."""

    def __init__(self, folder, megabytes=256):
        self.folder, image = folder, folder.with_suffix(".device")
        folder.mkdir(parents=True)
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, folder], check=True)

    def freeze(self):
        subprocess.run(["fsfreeze", "--freeze", self.folder], check=True)

    def thaw(self):
        subprocess.run(["fsfreeze", "--unfreeze", self.folder], check=True)

    def unmount(self):
        subprocess.run(["umount", "--lazy", self.folder], check=True)


class SmallDisk:
    """Memory that is mounted where a broker keeps its data. Mounting needs the rights of root."""

    def __init__(self, folder, megabytes=96):
        self.folder = folder
        folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)

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

    def unmount(self):
        subprocess.run(["umount", "--lazy", self.folder], check=True)
