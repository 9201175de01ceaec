#!/usr/bin/python3
"""Makes the torrents in this folder anew, with the programs of other people.

It needs mktorrent, transmission-create and python3-libtorrent. The contents come
from a formula, so the info-hashes stay the same, only dates change. At the end
libtorrent reads every torrent and what it sees is written to golden.json: our
parser has to see the same.
"""
import json
import os
import shutil
import subprocess
import tempfile

import libtorrent as lt

HERE = os.path.dirname(os.path.abspath(__file__))
PIECE = 16 << 10


def content(n, seed):
    """n bytes that do not repeat at the piece length; the Go tests have the same formula."""
    return bytes((i * 131 + (i >> 8) * 31 + seed * 17) & 0xFF for i in range(n))


def tree(root, files):
    for seed, (path, size) in enumerate(files):
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content(size, seed))


FOLDER = [("a/x", 40000), ("a-b/x", 1), ("a.txt", 16384), ("a b", 3), ("A/z", 70000), (".hidden/f", 5),
          (".dot", 100), ("b/c/d", 33000), ("b/c.txt", 7), ("b/c-d", 16383), ("b/empty", 0),
          ("数据集/第一批.bin", 50000), ("é", 2), ("zz", 20000)]


def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL)


def libtorrent(path, out, flags, extra=None):
    fs = lt.file_storage()
    lt.add_files(fs, path)
    t = lt.create_torrent(fs, piece_size=PIECE, flags=flags)
    t.add_tracker("http://tracker.example/announce", 0)
    t.add_tracker("udp://tracker.example:6969", 1)
    t.set_creator("libtorrent " + lt.__version__)
    if extra:
        extra(t)
    lt.set_piece_hashes(t, os.path.dirname(path))
    with open(out, "wb") as f:
        f.write(lt.bencode(t.generate()))


def extras(t):
    t.set_comment("注释: made by libtorrent")
    t.set_priv(True)
    t.add_url_seed("http://web.example/files/")
    t.add_node("dht.example", 6881)


def make(tmp):
    folder, single = os.path.join(tmp, "folder"), os.path.join(tmp, "single.bin")
    tree(folder, FOLDER)
    with open(single, "wb") as f:
        f.write(content(100000, 99))
    os.chdir(HERE)
    for old in os.listdir("."):
        if old.endswith(".torrent"):
            os.remove(old)
    a = "http://tracker.example/announce"
    run("mktorrent", "-d", "-l", "15", "-a", a, "-o", "mktorrent-folder.torrent", folder)
    run("mktorrent", "-d", "-l", "15", "-a", a + ",http://second.example/announce", "-a", "udp://tracker.example:6969",
        "-p", "-s", "SRC", "-c", "a comment", "-w", "http://web.example/single.bin", "-o", "mktorrent-single.torrent", single)
    run("transmission-create", "-s", "32", "-t", a, "-t", "udp://tracker.example:6969", "-c", "from Transmission",
        "-o", "transmission-folder.torrent", folder)
    run("transmission-create", "-s", "16", "-p", "-t", a, "-o", "transmission-single.torrent", single)
    ct = lt.create_torrent
    libtorrent(folder, "libtorrent-v1-folder.torrent", ct.v1_only, extras)
    libtorrent(single, "libtorrent-v1-single.torrent", ct.v1_only)
    libtorrent(folder, "libtorrent-hybrid-folder.torrent", 0)
    libtorrent(single, "libtorrent-hybrid-single.torrent", 0, extras)
    libtorrent(folder, "libtorrent-v2-folder.torrent", ct.v2_only)


def golden(path):
    t = lt.torrent_info(path)
    fs, tiers = t.files(), {}
    for tr in t.trackers():
        tiers.setdefault(tr.tier, []).append(tr.url)
    pad = lt.file_flags_t.flag_pad_file
    return {
        "info_hash": str(t.info_hashes().v1), "name": t.name(), "piece_length": t.piece_length(), "pieces": t.num_pieces(),
        "private": t.priv(), "comment": t.comment(), "created_by": t.creator(), "created": t.creation_date(),
        # libtorrent shuffles each tier, as BEP 12 asks.
        "announce": [sorted(tiers[k]) for k in sorted(tiers)], "web_seeds": [w["url"] for w in t.web_seeds()],
        "nodes": ["%s:%d" % n for n in t.nodes()],
        "files": [{"path": fs.file_path(i), "length": fs.file_size(i), "offset": fs.file_offset(i),
                   "pad": bool(fs.file_flags(i) & pad)} for i in range(fs.num_files())],
    }


if __name__ == "__main__":
    tmp = tempfile.mkdtemp()
    try:
        make(tmp)
    finally:
        shutil.rmtree(tmp)
    for f in os.listdir("."):
        os.chmod(f, 0o644)
    seen = {f: golden(f) for f in sorted(os.listdir(".")) if f.endswith(".torrent") and "-v2-" not in f}
    with open("golden.json", "w") as f:
        json.dump(seen, f, indent=1, ensure_ascii=False)
        f.write("\n")
