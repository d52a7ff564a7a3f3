"""Chat with any OpenAI-compatible server: OpenAI, vLLM, Ollama, llama.cpp. It knows nothing of tasks and rewrites."""

from .client import ChatClient
from .errors import CostReached, ServerFailed
from .requests import AnswerFormat, Message
from .spending import Spent

__all__ = ["AnswerFormat", "ChatClient", "CostReached", "Message", "ServerFailed", "Spent"]
