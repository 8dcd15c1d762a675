"""All attacks by their names."""

from support.hostile import fields, http1, http2, packets, tls, tunnels, websocket
from support.hostile.attack import Attack

ATTACKS: dict[str, Attack] = {
    attack.name: attack
    for table in (http1, http2, websocket, tunnels, packets, fields, tls)
    for attack in table.ATTACKS
}
