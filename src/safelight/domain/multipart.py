"""How a large file is cut into parts, each of which is sent, and sent again, by itself."""

from dataclasses import dataclass

LEAST_PART_BYTES = 8 << 20
"""Over S3's own least of 5 MiB: so a file of 100 MB has a dozen parts."""

MOST_PARTS = 10_000
"""S3 User Guide, "Amazon S3 multipart upload limits". Everybody follows."""


@dataclass(frozen=True, slots=True)
class Division:
    """A file of `size` bytes, cut into parts of one size (R2 takes no others), but for the last; numbered from 1.

    It follows from the size alone and must stay as it is: uploads are under way while a server is upgraded.
    """

    size: int

    @property
    def part_bytes(self) -> int:
        """The size of every part but the last."""
        return max(LEAST_PART_BYTES, -(-self.size // MOST_PARTS))

    @property
    def count(self) -> int:
        """How many parts there are."""
        return -(-self.size // self.part_bytes)

    @property
    def numbers(self) -> range:
        """The numbers of all parts."""
        return range(1, self.count + 1)

    def bytes_of(self, number: int) -> int:
        """Return the exact size of a part."""
        return min(self.part_bytes, self.size - (number - 1) * self.part_bytes)
