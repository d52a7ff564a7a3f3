"""Files, fine-tuning jobs and batches of the offline server, in memory.

A fine-tuned model here is the model with a memory: to a prompt of its training file it gives the answer that stood
there. A job moves one state at each look, so that a client has to wait for it as for a real one.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

_TUNING = ("validating_files", "queued", "running", "succeeded")
_BATCH = ("validating", "in_progress", "finalizing", "completed")
Complete = Callable[[dict[str, Any]], dict[str, Any]]


class Jobs:
    """Everything that was uploaded and begun; `looks` is how often a job must be looked at to move one state."""

    def __init__(self, looks: int = 1) -> None:
        self.looks = looks
        self.files: dict[str, bytes] = {}
        self.tunings: dict[str, dict[str, Any]] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self._seen: dict[str, int] = {}
        self._memories: dict[str, dict[str, str]] = {}
        self._guard = threading.Lock()

    def remembered(self, model: str, asked: str) -> str | None:
        """What a fine-tuned model learnt to answer; None for another prompt or model."""
        return self._memories.get(model, {}).get(asked)

    def handle(
        self, method: str, path: str, kind: str, raw: bytes, complete: Complete
    ) -> dict[str, Any] | bytes | None:
        """The answer to a request: JSON, a file's bytes, or None where there is no such thing.

        Raises ValueError, KeyError or TypeError for a request that is none.
        """
        with self._guard:
            if method == "POST":
                return self._post(path, kind, raw, complete)
            return self._get(path)

    def _post(self, path: str, kind: str, raw: bytes, complete: Complete) -> dict[str, Any] | None:
        if path == "/files":
            return self._upload(kind, raw)
        if found := re.fullmatch(r"/(fine_tuning/jobs|batches)/([\w-]+)/cancel", path):
            return self._cancel(found[2])
        if path == "/fine_tuning/jobs":
            return self._begin_tuning(json.loads(raw))
        if path == "/batches":
            return self._begin_batch(json.loads(raw), complete)
        return None

    def _get(self, path: str) -> dict[str, Any] | bytes | None:
        path = path.partition("?")[0]
        if found := re.fullmatch(r"/files/([\w-]+)/content", path):
            return self.files.get(found[1])
        if path == "/fine_tuning/jobs":
            return {"object": "list", "data": list(self.tunings.values())[::-1], "has_more": False}
        if found := re.fullmatch(r"/fine_tuning/jobs/([\w-]+)/events", path):
            job = self.tunings.get(found[1])
            return None if job is None else _events(job)
        if found := re.fullmatch(r"/fine_tuning/jobs/([\w-]+)", path):
            return self._look(self.tunings.get(found[1]), _TUNING, self._tuned)
        if found := re.fullmatch(r"/batches/([\w-]+)", path):
            return self._look(self.batches.get(found[1]), _BATCH, lambda job: None)
        return None

    def _upload(self, kind: str, raw: bytes) -> dict[str, Any]:
        form = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + raw, policy=HTTP)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
        content = parts["file"].get_payload(decode=True)
        purpose = parts["purpose"].get_payload(decode=True).decode()
        return self._keep(content, purpose, parts["file"].get_filename() or "file")

    def _keep(self, content: bytes, purpose: str, name: str) -> dict[str, Any]:
        number = f"file-{len(self.files) + 1}"
        self.files[number] = content
        return {
            "id": number, "object": "file", "bytes": len(content), "created_at": int(time.time()),
            "filename": name, "purpose": purpose, "status": "processed",
        }  # fmt: skip

    def _begin_tuning(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["training_file"] not in self.files:
            raise ValueError(f"there is no file {body['training_file']}")
        number = f"ftjob-{len(self.tunings) + 1}"
        self.tunings[number] = {
            "id": number, "object": "fine_tuning.job", "created_at": int(time.time()), "model": body["model"],
            "training_file": body["training_file"], "validation_file": body.get("validation_file"),
            "status": _TUNING[0], "fine_tuned_model": None, "finished_at": None, "error": None, "result_files": [],
            "hyperparameters": body.get("hyperparameters") or {"n_epochs": "auto"}, "organization_id": "org",
            "seed": body.get("seed") or 0, "trained_tokens": None, "method": body.get("method"),
            "suffix": body.get("suffix"),
        }  # fmt: skip
        return self.tunings[number]

    def _begin_batch(self, body: dict[str, Any], complete: Complete) -> dict[str, Any]:
        if body["input_file_id"] not in self.files:
            raise ValueError(f"there is no file {body['input_file_id']}")
        number = f"batch-{len(self.batches) + 1}"
        done, failed = [], []
        for line in self.files[body["input_file_id"]].decode().splitlines():
            request = json.loads(line)
            result: dict[str, Any] = {"id": f"{number}-{request['custom_id']}", "custom_id": request["custom_id"]}
            try:
                answer = {"status_code": 200, "request_id": "r", "body": complete(request["body"])}
                done.append({**result, "response": answer, "error": None})
            except ValueError as error:
                failed.append({**result, "response": None, "error": {"code": "bad_request", "message": str(error)}})
        done.reverse()  # the order of a batch's results is not that of its requests
        self.batches[number] = {
            "id": number, "object": "batch", "endpoint": body["endpoint"], "input_file_id": body["input_file_id"],
            "completion_window": body["completion_window"], "status": _BATCH[0], "created_at": int(time.time()),
            "output_file_id": self._keep(_lines(done), "batch_output", "out.jsonl")["id"] if done else None,
            "error_file_id": self._keep(_lines(failed), "batch_output", "errors.jsonl")["id"] if failed else None,
            "request_counts": {"total": len(done) + len(failed), "completed": len(done), "failed": len(failed)},
            "metadata": body.get("metadata"),
        }  # fmt: skip
        return self.batches[number]

    def _look(
        self, job: dict[str, Any] | None, states: tuple[str, ...], ended: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any] | None:
        if job is not None and job["status"] in states[:-1]:
            self._seen[job["id"]] = self._seen.get(job["id"], 0) + 1
            job["status"] = states[min(self._seen[job["id"]] // self.looks, len(states) - 1)]
            if job["status"] == states[-1]:
                ended(job)
        return job

    def _tuned(self, job: dict[str, Any]) -> None:
        memory: dict[str, str] = {}
        try:
            for line in self.files[job["training_file"]].decode().splitlines():
                *before, answer = json.loads(line)["messages"]
                if answer["role"] != "assistant":
                    raise ValueError("the last message is not the assistant's")
                memory[before[-1]["content"]] = answer["content"]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            job["status"] = "failed"
            job["error"] = {"code": "invalid_training_file", "message": str(error), "param": "training_file"}
            return
        job["fine_tuned_model"] = f"ft:{job['model']}:org:{job['suffix'] or ''}:{job['id']}"
        job["finished_at"] = int(time.time())
        self._memories[job["fine_tuned_model"]] = {**self._memories.get(job["model"], {}), **memory}

    def _cancel(self, number: str) -> dict[str, Any] | None:
        job = self.tunings.get(number) or self.batches.get(number)
        if job is not None and job["status"] not in ("succeeded", "failed", "completed"):
            job["status"] = "cancelled"
        return job


def _events(job: dict[str, Any]) -> dict[str, Any]:
    event = {
        "id": f"event-{job['id']}-{job['status']}", "object": "fine_tuning.job.event", "created_at": job["created_at"],
        "level": "info", "message": f"the job is {job['status']}", "type": "message", "data": None,
    }  # fmt: skip
    return {"object": "list", "data": [event], "has_more": False}


def _lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()
