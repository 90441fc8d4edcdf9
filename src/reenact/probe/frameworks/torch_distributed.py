"""torch.distributed: which rank this process is."""

from __future__ import annotations

import sys
from typing import Any

from ..entropy import dress
from ..journal import complain
from ..state import Probe


def hook(probe: Probe, module: Any) -> None:
    """Records rank, world size and back-end once the process group is there."""
    original = module.init_process_group

    def init_process_group(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        try:
            probe.journal.write(
                "rank", rank=module.get_rank(), world_size=module.get_world_size(), backend=str(module.get_backend())
            )
        except Exception as problem:
            complain("distributed", problem)
        return result

    dress(init_process_group, original)
    module.init_process_group = init_process_group
    distributed: Any = sys.modules.get("torch.distributed")
    if distributed is not None and getattr(distributed, "init_process_group", None) is original:
        distributed.init_process_group = init_process_group
