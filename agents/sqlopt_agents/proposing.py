"""Proposals that are made in the caller's process, before orders go away: one call after the other, or in threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from sqlopt_env.judge import Judge

from .policy import Policy
from .sampling import Order, proposed


class Drafts:
    """Orders until making one raises `error`: what came before it is not lost, and may have cost money."""

    def __init__(self, orders: Iterator[Order]) -> None:
        self._orders = orders
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[Order]:
        try:
            yield from self._orders
        except Exception as error:
            self.error = error


def in_threads(orders: Iterator[Order], policy: Policy, judge: Judge) -> Iterator[Order]:
    """The orders with the policy's proposals, by as many calls at a time as it allows; they come as they are made.

    After a call that raised no further one is begun, and it is raised when those in flight have been answered.
    """
    concurrency = getattr(policy, "concurrency", 1)
    if concurrency <= 1:
        yield from (proposed(order, policy, judge) for order in orders)
        return
    threads = ThreadPoolExecutor(concurrency)
    pending: set[Future[Order]] = set()
    problem: BaseException | None = None
    try:
        while True:
            while problem is None and len(pending) < concurrency and (order := next(orders, None)) is not None:
                pending.add(threads.submit(proposed, order, policy, judge))
            if not pending:
                break
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                problem = problem or future.exception()
                if future.exception() is None:
                    yield future.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    if problem is not None:
        raise problem
