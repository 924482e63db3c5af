#!/usr/bin/env bash
# distributed 2026.8.0: what LocalCluster listens on without a dashboard.
#
# The documentation says that None turns the dashboard off, and that an address of a port alone goes by
# the parameter host. One would guess that with None nothing but the scheduler's own port is open.
# Seen: with None the scheduler's HTTP server starts all the same, at 127.0.0.1:8787 (another port, with a
# warning, if that is taken), and answers /info/main/workers.html. '127.0.0.1:0' gives it a free port.
#
# Fails if that changes. Needs a package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet distributed==2026.8.0 dask==2026.8.0 psutil==7.2.2
cat >"$folder/dashboard.py" <<'PYTHON'
import urllib.request
import warnings

import distributed
import psutil
from distributed import LocalCluster

warnings.simplefilter("ignore")  # port 8787 may be taken


def listening():
    connections = psutil.Process().net_connections()
    return {tuple(one.laddr) for one in connections if one.status == psutil.CONN_LISTEN}


def hosts(address):
    """Where all but the scheduler's own port is listened on, and the status of a page there."""
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=address) as cluster:
        scheduler = int(cluster.scheduler_address.rpartition(":")[2])
        others = {host: port for host, port in listening() if port != scheduler}
        (port,) = others.values()
        page = f"http://127.0.0.1:{port}/info/main/workers.html"
        status = urllib.request.urlopen(page).status
        print(f"distributed {distributed.__version__}, {address!r}: {others}, {page}: {status}")
        assert status == 200
        return set(others)


if __name__ == "__main__":
    assert hosts(None) == {"127.0.0.1"}
    assert hosts("127.0.0.1:0") == {"127.0.0.1"}
PYTHON
"$folder/venv/bin/python" "$folder/dashboard.py"
