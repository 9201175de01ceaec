#!/usr/bin/python3
"""libtorrent as a program, for the interop suite (cmd/p2p/interop).

  libtorrent_peer.py seed TORRENT DIR ADDRESS:PORT [BYTES_A_SECOND]
  libtorrent_peer.py get TORRENT DIR ADDRESS:PORT
  libtorrent_peer.py scrape TORRENT DIR ADDRESS:PORT
  libtorrent_peer.py show TORRENT
  libtorrent_peer.py create PATH TORRENT v1|hybrid|v2 PIECE_LENGTH URL

seed runs until it is killed, get until it has everything. Both have libtorrent's
default settings, but for what would look for peers outside of the test, and write
what happens, message by message, on stdout. scrape announces and scrapes until the tracker
has answered both, and prints the answers as JSON. show prints JSON. It needs Debian's
python3-libtorrent.
"""
import json
import os
import sys
import time

import libtorrent as lt

SILENT = {lt.block_downloading_alert, lt.block_finished_alert, lt.block_uploaded_alert, lt.piece_finished_alert}


def tell(session):
    for alert in session.pop_alerts():
        if type(alert) not in SILENT:
            print(f'{time.strftime("%H:%M:%S")} {alert}', flush=True)


def peer(mode, torrent, folder, listen, limit='0'):
    kind = lt.alert.category_t
    session = lt.session({
        'listen_interfaces': listen,
        'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
        'alert_mask': kind.error_notification | kind.peer_notification | kind.connect_notification
        | kind.status_notification | kind.tracker_notification | kind.peer_log_notification,
        'alert_queue_size': 100000,
    })
    params = lt.add_torrent_params()
    params.ti, params.save_path = lt.torrent_info(torrent), folder
    params.flags &= ~lt.torrent_flags.auto_managed
    params.flags &= ~lt.torrent_flags.paused
    handle = session.add_torrent(params)
    handle.set_upload_limit(int(limit))  # that of the session is not for local peers
    while mode == 'seed' or not handle.status().is_seeding:
        tell(session)
        time.sleep(0.05)
    # The session writes what is in flight and tells the tracker as it goes away.
    del handle, session


def scrape(torrent, folder, listen):
    kind = lt.alert.category_t
    session = lt.session({
        'listen_interfaces': listen,
        'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
        'alert_mask': kind.error_notification | kind.tracker_notification,
    })
    params = lt.add_torrent_params()
    params.ti, params.save_path = lt.torrent_info(torrent), folder
    params.flags &= ~lt.torrent_flags.auto_managed
    params.flags &= ~lt.torrent_flags.paused
    handle = session.add_torrent(params)
    told = {}
    while len(told) < 3:
        for alert in session.pop_alerts():
            if isinstance(alert, lt.tracker_reply_alert) and 'peers' not in told:
                told['peers'] = alert.num_peers
                handle.scrape_tracker()
            elif isinstance(alert, lt.scrape_reply_alert):
                told['complete'], told['incomplete'] = alert.complete, alert.incomplete
            elif isinstance(alert, (lt.tracker_error_alert, lt.scrape_failed_alert)):
                sys.exit(str(alert))
        time.sleep(0.05)
    print(json.dumps(told), flush=True)
    del handle, session


def show(torrent):
    info = lt.torrent_info(torrent)
    files = info.files()
    listed = [{'path': files.file_path(i), 'size': files.file_size(i)} for i in range(info.num_files())
              if not files.file_flags(i) & lt.file_storage.flag_pad_file]
    print(json.dumps({
        'info_hash': str(info.info_hashes().v1), 'name': info.name(), 'comment': info.comment(),
        'creator': info.creator(), 'private': info.priv(), 'piece_length': info.piece_length(),
        'pieces': info.num_pieces(), 'files': listed,
        'trackers': [[t.tier, t.url] for t in info.trackers()],
        'web_seeds': [s['url'] for s in info.web_seeds()],
    }))


def create(path, torrent, kind, piece_length, url):
    files = lt.file_storage()
    lt.add_files(files, path)
    flags = {'v1': lt.create_torrent.v1_only, 'v2': lt.create_torrent.v2_only, 'hybrid': 0}[kind]
    made = lt.create_torrent(files, piece_size=int(piece_length), flags=flags)
    made.add_tracker(url, 0)
    made.set_creator('libtorrent ' + lt.__version__)
    lt.set_piece_hashes(made, os.path.dirname(os.path.abspath(path)))
    with open(torrent, 'wb') as out:
        out.write(lt.bencode(made.generate()))


def main():
    command, arguments = sys.argv[1], sys.argv[2:]
    if command in ('seed', 'get'):
        peer(command, *arguments)
    elif command == 'scrape':
        scrape(*arguments)
    elif command == 'show':
        show(*arguments)
    elif command == 'create':
        create(*arguments)
    else:
        sys.exit(__doc__)


main()
