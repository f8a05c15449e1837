"""A Ray cluster of two nodes with a core each, which ends with whoever started this program.

Prints the address of the cluster and that of its door for `ray://`, and waits for the end of its input.
"""

import os
import sys
from pathlib import Path

from ray.cluster_utils import Cluster

_OBJECT_STORE_BYTES = 80_000_000


def main(client_port: int, agent_port: int) -> None:
    Path(os.environ["RAY_TMPDIR"], "ray").mkdir(
        parents=True, exist_ok=True
    )  # Ray writes there before it makes it
    node = {"num_cpus": 1, "object_store_memory": _OBJECT_STORE_BYTES}
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            **node,
            "include_dashboard": False,
            "ray_client_server_port": client_port,
            "runtime_env_agent_port": agent_port,  # of which the former is told before Ray would choose it
        },
    )
    try:
        cluster.add_node(**node)
        sys.stdout.write(f"{cluster.address} ray://127.0.0.1:{client_port}\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
