"""Encodes a catalogue on Spark: each task runs `poeem encode-shard` and leaves one shard.

    spark-submit spark_encode.py --index dist/index --items 'items/*.parquet' --out shards
    spark-submit spark_encode.py --index dist/index --table s3a://bucket/items --id id --shards 400 --out s3://bucket/shards

Spark may run a task twice: after a lost executor, or speculatively. The same rows give the same bytes, and a shard gets
its name when it is whole, so either copy is right.
"""

import argparse
import glob
import json
import os
import shlex
import subprocess
import sys
import tempfile

from pyspark import TaskContext
from pyspark.sql import SparkSession


def run_poeem(options, items, shard, shards):
    """Encodes some files as part `shard` of `shards`. Returns what the command says of it."""
    command = shlex.split(options["poeem"]) + ["encode-shard", "--index", options["index"], "--out", options["out"]]
    command += ["--shard", f"{shard}/{shards}", "--json", "--items", *items]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"shard {shard} of {shards}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


def encode_files(spark, options, files):
    """A task for each shard; task i takes files i, i + N, …"""
    shards = options["shards"] or len(files)
    parts = [(shard, files[shard::shards]) for shard in range(shards)]
    tasks = spark.sparkContext.parallelize(parts, shards)
    return tasks.map(lambda part: run_poeem(options, part[1], part[0], shards)).collect()


def encode_table(spark, options, table):
    """Any DataFrame. Its rows go to the shard that the hash of their id says, so that a task that is run again has the
    rows that it had before; their order does not matter."""
    import pyarrow
    import pyarrow.parquet

    shards = options["shards"]

    def encode(batches):
        shard = TaskContext.get().partitionId()
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "rows.parquet")
            writer = None
            for batch in batches:
                writer = writer or pyarrow.parquet.ParquetWriter(file, batch.schema)
                writer.write_batch(batch)
            if writer is None:
                raise RuntimeError(f"shard {shard} of {shards} has no rows: ask for fewer shards")
            writer.close()
            said = run_poeem(options, [file], shard, shards)
        yield pyarrow.RecordBatch.from_pydict({"said": [said]})

    parts = table.repartition(shards, options["id"])
    return [row.said for row in parts.mapInArrow(encode, "said string").collect()]


def place(name):
    """A task runs in a folder of its own: names from the folder where this runs become whole ones."""
    return name if "://" in name else os.path.abspath(name)


def main():
    parser = argparse.ArgumentParser(description="Encodes a catalogue on Spark, one shard a task.")
    parser.add_argument("--index", required=True, help="index folder, at the same place on every machine")
    parser.add_argument("--items", nargs="+", help="files, patterns of local files, and addresses (s3://, r2://)")
    parser.add_argument("--table", help="Parquet that Spark reads, instead of --items")
    parser.add_argument("--id", default="id", help="its column with the ids")
    parser.add_argument("--shards", type=int, help="how many there are to be (default: one for each file)")
    parser.add_argument("--out", required=True, help="folder that all machines share, or an address")
    parser.add_argument("--poeem", default="poeem", help="the command (default: poeem)")
    parser.add_argument("--master", help="where spark-submit does not say it, such as local-cluster[4,1,1024]")
    args = parser.parse_args()
    if (args.items is None) == (args.table is None) or (args.table and not args.shards):
        parser.error("expected --items, or --table with --shards")
    if args.master:
        # executors on this machine have what this Python has
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("poeem encode-shard")
    spark = (builder.master(args.master) if args.master else builder).getOrCreate()
    options = {**vars(args), "index": place(args.index), "out": place(args.out)}
    if args.table:
        said = encode_table(spark, options, spark.read.parquet(args.table))
    else:
        # sorted, so that every run gives each shard the same files
        names = {place(file) for name in args.items for file in (glob.glob(name) if "://" not in name else [name])}
        if not names:
            parser.error(f"--items {' '.join(args.items)}: no file is called so")
        said = encode_files(spark, options, sorted(names))
    facts = [json.loads(line) for line in said]
    print(json.dumps({"shards": len(facts), "rows": sum(one["rows"] for one in facts)}))
    spark.stop()


if __name__ == "__main__":
    main()
