"""Where kernels cannot be forked they are started ahead, and are as warm, as clean and as well placed."""

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from sptrader.runs.kernels_ahead import KernelsAhead
from sptrader.runs.warm_kernels import Kernels

pytestmark = pytest.mark.slow


@pytest.fixture
def kernels():
    made = Kernels(is_forking=False)
    yield made
    made.close()


def said(kernel, code):
    """What `code` prints in the kernel, and the number of its execution."""
    client = BlockingKernelClient(parent=kernel.manager)
    client.load_connection_info(kernel.manager.get_connection_info())
    client.start_channels()
    found = []
    client.wait_for_ready(timeout=60)
    reply = client.execute_interactive(
        code, timeout=60, output_hook=lambda message: found.append(message["content"].get("text", ""))
    )
    client.stop_channels()
    client.context.destroy(linger=0)
    return "".join(found).strip(), reply["content"]["execution_count"]


def test_kernel_is_warm_clean_and_in_its_folder(kernels, tmp_path):
    kernel = kernels.take("python3", str(tmp_path))

    told = said(
        kernel,
        "print(sorted(n for n in globals() if n[0] != '_' and n not in ('In', 'Out', 'exit', 'quit', 'open', 'get_ipython')),"
        " __import__('os').getcwd(), 'plotly.graph_objects' in __import__('sys').modules)",
    )

    assert isinstance(kernels.source("python3"), KernelsAhead)
    assert told == (f"[] {tmp_path} True", 1)
    kernel.end()
    assert not kernel.is_alive()
