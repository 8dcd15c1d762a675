"""All attacks by their names."""

from support.hostile import http1, http2, packets, tls, websocket
from support.hostile.attack import Attack

ATTACKS: dict[str, Attack] = {
    attack.name: attack for table in (http1, http2, websocket, packets, tls) for attack in table.ATTACKS
}
