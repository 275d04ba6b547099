"""Encodes a catalogue on Ray: each task runs `poeem encode-shard` and leaves one shard.

    python ray_encode.py --index dist/index --items 'items/*.parquet' --out shards [--address auto]

Ray runs a task again when its worker or its machine is lost. The same files give the same bytes, and a shard gets its
name when it is whole. What is wrong with the data is not tried again: it ends the run with what the command says.
"""

import argparse
import glob
import json
import os
import shlex
import subprocess

import ray


@ray.remote(num_cpus=1, max_retries=5)
def encode(options, items, shard, shards):
    """Encodes some files as part `shard` of `shards`. Returns what the command says of it."""
    command = shlex.split(options["poeem"]) + ["encode-shard", "--index", options["index"], "--out", options["out"]]
    command += ["--shard", f"{shard}/{shards}", "--json", "--items", *items]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"shard {shard} of {shards}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def place(name):
    """A task runs in a folder of its own: names from the folder where this runs become whole ones."""
    return name if "://" in name else os.path.abspath(name)


def main():
    parser = argparse.ArgumentParser(description="Encodes a catalogue on Ray, one shard a task.")
    parser.add_argument("--index", required=True, help="index folder, at the same place on every machine")
    parser.add_argument("--items", nargs="+", required=True, help="files, patterns of local files, and addresses")
    parser.add_argument("--shards", type=int, help="how many there are to be (default: one for each file)")
    parser.add_argument("--out", required=True, help="folder that all machines share, or an address")
    parser.add_argument("--poeem", default="poeem", help="the command (default: poeem)")
    parser.add_argument("--address", help="of a cluster that runs (default: one on this machine)")
    parser.add_argument("--workers", type=int, help="tasks at a time on this machine (default: its processors)")
    args = parser.parse_args()
    # sorted, so that every run gives each shard the same files
    names = {place(file) for name in args.items for file in (glob.glob(name) if "://" not in name else [name])}
    if not names:
        parser.error(f"--items {' '.join(args.items)}: no file is called so")
    files = sorted(names)
    shards = args.shards or len(files)
    ray.init(address=args.address, num_cpus=None if args.address else args.workers, include_dashboard=False)
    options = {**vars(args), "index": place(args.index), "out": place(args.out)}
    tasks = [encode.remote(options, files[shard::shards], shard, shards) for shard in range(shards)]
    facts = ray.get(tasks)
    print(json.dumps({"shards": len(facts), "rows": sum(one["rows"] for one in facts)}))
    ray.shutdown()


if __name__ == "__main__":
    main()
