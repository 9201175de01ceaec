"""A libtorrent peer: lt_peer.py {seed|get} TORRENT DIR ADDRESS:PORT {std|hp}

std is libtorrent's default configuration, hp its high_performance_seed preset
with a request queue of 1500, both over TCP.
"""
import sys
import time
import libtorrent as lt

mode, torrent, save, listen, preset = sys.argv[1:6]
settings = {}
if preset == 'hp':
    settings = lt.high_performance_seed()
    settings.update({'suggest_mode': 0, 'max_out_request_queue': 1500})
settings.update({
    'listen_interfaces': listen, 'outgoing_interfaces': listen.rsplit(':', 1)[0], 'alert_mask': 0,
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    'enable_outgoing_utp': False, 'enable_incoming_utp': False,
    'allow_multiple_connections_per_ip': True,
})
session = lt.session(settings)
params = lt.add_torrent_params()
params.ti, params.save_path = lt.torrent_info(torrent), save
if mode == 'seed':
    params.flags |= lt.torrent_flags.seed_mode
params.flags &= ~lt.torrent_flags.auto_managed
params.flags &= ~lt.torrent_flags.paused
handle = session.add_torrent(params)
while mode == 'seed' or not handle.status().is_seeding:
    time.sleep(1 if mode == 'seed' else 0.005)
