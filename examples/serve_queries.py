"""A server that writes slow queries as a language model would, without one: to try `--author openai:...` with no key.

python examples/serve_queries.py --database shop --port 8001 &
sqlopt generate --domain shop --n 10 --author openai:rehearsal --author-option base_url=http://127.0.0.1:8001/v1
"""

import argparse

from serve_rules import Answerer, Chat, Offer, Served, at_a_loss
from sqlopt_curricula.generator.rehearsal import Rehearsal

from sqlopt_env import Judge


def queries(rehearsal: Rehearsal) -> Answerer:
    """Answers the prompt of `SlowQueryWriter`."""

    def answer(chat: Chat) -> str | None:
        return rehearsal.answer(chat.messages, [chat.seed, chat.number])

    return answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", action="append", help="a domain or an SQLite file; may be given again")
    parser.add_argument("--port", type=int, default=8001)
    arguments = parser.parse_args()
    with Judge(workers=1, measure="steps") as judge:
        rehearsal = Rehearsal(judge, arguments.database or ["shop"])
    with Served(Offer([queries(rehearsal), at_a_loss]), arguments.port) as server:
        print(f"writing slow queries as the model 'rehearsal' at {server.url}", flush=True)
        server.serve_forever()
