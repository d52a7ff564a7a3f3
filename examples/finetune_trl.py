"""E-step, M-step, E-step with a language model in this process: sampled, judged, fine-tuned with TRL, sampled again.

pip install 'sqlopt-env[trl]'
python examples/finetune_trl.py                         # a tiny random model, made here: two minutes without a GPU
python examples/finetune_trl.py --model Qwen/Qwen2.5-Coder-1.5B-Instruct --epochs 3 --learning-rate 1e-5   # a GPU

A tiny model writes nothing that could be kept, so its M-step gets what the judge says of the seeds' own answers.
"""

import argparse
from pathlib import Path

import numpy as np
from sqlopt_agents.chat_examples import answer_of, prompt_of
from sqlopt_agents.local_sft import fine_tune
from sqlopt_agents.tiny_model import make_tiny_model
from sqlopt_agents.transformers_policy import TransformersPolicy

from sqlopt_env import Judge, Task, load_tasks
from sqlopt_env.observation import TEXTS, observe
from sqlopt_env.trajectory import Proposal, Trajectory


def judged(judge: Judge, task: Task, text: str) -> Trajectory:
    evaluation = judge.evaluate(task, text)
    observation = observe(judge.prepare(task))
    seen = {name: observation[name] for name in TEXTS}
    success = evaluation.outcome == "improved"
    return Trajectory(task, seen, Proposal(text), evaluation, float(success), success, "local", 0, 0, 0)


def e_step(judge: Judge, policy: TransformersPolicy, tasks: list[Task], name: str) -> list[Trajectory]:
    rng, found = np.random.default_rng(0), []
    for task in tasks:
        for proposal in policy.propose(observe(judge.prepare(task)), 2, rng):
            found.append(judged(judge, task, proposal.text))
    outcomes = [trajectory.evaluation.outcome for trajectory in found]
    print(f"{name}: " + ", ".join(f"{outcome} {outcomes.count(outcome)}" for outcome in sorted(set(outcomes))))
    return [trajectory for trajectory in found if trajectory.success]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a folder or a name on the Hugging Face hub; without it, a tiny random one")
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--epochs", type=float, default=15.0)
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--out", type=Path, default=Path("runs/finetune_trl"))
    arguments = parser.parse_args()
    tasks = load_tasks("seeds")[: arguments.tasks]
    with Judge() as judge:
        references = [judged(judge, task, task.reference) for task in tasks]
        model = arguments.model
        if model is None:
            chats = [[*prompt_of(trajectory), answer_of(trajectory)] for trajectory in references]
            texts = [message["content"] for chat in chats for message in chat]
            model = str(make_tiny_model(arguments.out / "tiny", texts))
        policy = TransformersPolicy(
            model,
            folder=arguments.out / "models",
            max_new_tokens=1024 if arguments.model else 120,
            epochs=arguments.epochs,
            learning_rate=arguments.learning_rate,
        )
        kept = e_step(judge, policy, tasks, "E-step 0")
        learnt_from = kept or [trajectory for trajectory in references if trajectory.success]
        tuned = policy.fit(learnt_from)
        losses = fine_tune(model, learnt_from, Path(tuned.model), policy.settings).losses
        print(
            f"M-step: {len(learnt_from)} examples, loss {losses[0]:.2f} at the first step, {losses[-1]:.2f} at the last"
        )
        e_step(judge, tuned, tasks, "E-step 1")
    print(f"the model: {tuned.model}")
