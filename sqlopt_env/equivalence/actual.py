"""Do both return the same rows on a given database? Its original's answer is known."""

from __future__ import annotations

from contextlib import closing

import apsw

from ..sqlite.copies import Copy, failure
from ..sqlite.script import Refusal, Script
from .compare import Reference, difference_of_chunks


def difference_on(copy: Copy, reference: Reference, rewrite: Script, seconds: float) -> str:
    """How the rewrite's rows differ from the reference, or "". Raises Refusal where it fails or takes too long."""
    try:
        with copy.budget(seconds), closing(copy.chunks(rewrite.query)) as chunks:
            return difference_of_chunks(reference, chunks)
    except apsw.InterruptError:
        raise Refusal("timeout", f"the rewrite runs longer than {seconds:g} s") from None
    except UnicodeDecodeError:
        raise Refusal("invalid", "the rewrite returns text that is not UTF-8") from None
    except apsw.Error as error:
        raise failure(error) from None
