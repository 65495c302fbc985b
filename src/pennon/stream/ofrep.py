"""OFREP 0.3: `POST /ofrep/v1/evaluate/flags/{key}` for one flag, and without the key for all the caller may see."""

from pennon.model import ErrorCode, Evaluation, Reason
from pennon.stream import evaluations
from pennon.stream.calls import Call
from pennon.stream.http import JSON, NO_STORE, Answer


async def answer_flag(call: Call) -> Answer:
    """Evaluate one flag for the context in the body. It counts as an evaluation."""
    call.request.require_json()
    body = await call.request.body(call.node.settings.evaluate_bytes)
    settings, environment, key = call.node.settings, call.environment, call.rest
    rules = environment.rules(call.now)
    if call.access.kind == "client" and key not in environment.client_flags():
        evaluation = unknown(key)
    else:
        context = evaluations.context_of(body, limit=settings.context_bytes, depth=settings.context_depth)
        evaluation = rules.evaluate(key, context, now=call.node.clock.time())
    call.node.metrics.evaluations.labels("single").inc()
    age = round(environment.hub.age(call.now), 3)
    metadata = {"revision": f"{rules.epoch}.{rules.revision}", "age": age}
    answered = evaluations.encode(evaluations.entry(key, evaluation, metadata))
    return Answer(evaluations.status(evaluation), answered, (JSON, NO_STORE, *call.standing()))


def unknown(key: str) -> Evaluation:
    """Return the answer for a flag that is not there, or not for this caller: nobody can tell which."""
    message = f"there is no flag {key!r}"
    return Evaluation(
        value=None,
        variation=None,
        reason=Reason.ERROR,
        error_code=ErrorCode.FLAG_NOT_FOUND,
        error_message=message,
    )
