"""What the log says of tokens that name a key which this host's keyring has not."""

from datetime import datetime, timedelta

import structlog

from safelight.ports.clock import Clock

log = structlog.get_logger(__name__)

AGAIN_AFTER = timedelta(minutes=1)

MOST_KEYS = 20
"""Key ids that are told of in that time: anybody may make some up."""

MOST_CHARS = 40
"""What is longer is no id of ours, and may be anything."""

CURE = "see that all hosts have the same keyring; what a retired key signed is refused rightly"


class UnknownKeys:
    """Warns of each key id once a minute: hosts whose keyrings differ refuse each other's tokens."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_at: dict[str, datetime] = {}

    def __call__(self, key_id: str) -> None:
        """Hear of a key id."""
        now = self._clock.now()
        self._told_at = {told: at for told, at in self._told_at.items() if now - at < AGAIN_AFTER}
        if key_id in self._told_at or len(self._told_at) >= MOST_KEYS or not 0 < len(key_id) <= MOST_CHARS:
            return
        self._told_at[key_id] = now
        log.warning("signed_by_unknown_key", key=key_id, cure=CURE)
