"""Code as it is really written: a Django view, FastAPI routes, Celery tasks, a service with a wrapper of its own."""

from pathlib import Path
from typing import Any

import pytest

from pennon.codemod import Conventions, scan
from pennon.codemod.removal import Kept, Plan, plan_removal
from tests.unit.codemod.things import World, functions_of

SHOP = Path(__file__).parent / "shop"
KEPT = [
    Kept("new-checkout", "on", value=True),
    Kept("new-checkout", "off", value=False),
    Kept("search-engine", "smart", "meaning"),
    Kept("search-engine", "plain", "words"),
    Kept("search-engine", "none", "other"),
    Kept("pdf-receipts", "on", value=True),
    Kept("pdf-receipts", "off", value=False),
    Kept("new-gateway", "on", value=True),
    Kept("new-gateway", "off", value=False),
]
each_kept = pytest.mark.parametrize("kept", KEPT, ids=[f"{each.flag}-{each.variation}" for each in KEPT])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    for file in SHOP.glob("*.txt"):
        (tmp_path / "shop" / f"{file.stem}.py").write_bytes(file.read_bytes())
    return tmp_path


def planned(root: Path, kept: Kept) -> Plan:
    return plan_removal(root, scan(root, Conventions(), known={kept.flag}), kept, Conventions())


@each_kept
def test_every_function_does_what_it_did_and_a_second_time_nothing_changes(root: Path, kept: Kept) -> None:
    plan = planned(root, kept)
    assert plan.changes
    for change in plan.changes:
        for truth in (True, False):
            assert _behaviour(change.after, kept, truth=truth) == _behaviour(change.before, kept, truth=truth)
        (root / change.path).write_text(change.after)
    assert planned(root, kept).changes == ()


def _behaviour(code: str, kept: Kept, *, truth: bool) -> dict[str, Any]:
    module = (SHOP / "flags.txt").read_text().replace("client = Client()", "client = __import__('pennon').client")
    found: dict[str, Any] = {}
    world = World(kept.flag, kept.variation, kept.value, truth=truth, flags_module=module)
    for name, function in functions_of(world.load(code), world).items():
        if name.rpartition(".")[2] not in ("enabled", "audited"):
            before = len(world.seen)
            found[name] = (world.run(function), world.seen[before:])
    return found


def test_the_django_view_reads_as_if_there_had_been_no_flag(root: Path) -> None:
    (change,) = planned(root, KEPT[0]).changes
    assert (
        """
    basket = Basket.of(request)
    if not basket:
        return redirect("basket")

    # Prices are final from here on.
    total = basket.total()
    context = {
        "basket": basket,
        "total": total,
        "is_new": True,
        "express": request.flags.boolean("express-pay") and total < Decimal(500),
    }
"""
        in change.after
    )
    assert (
        """
        order = get_object_or_404(Order, number=number)
        if request.headers.get("accept") == "application/json":
            return JsonResponse({"number": order.number, "steps": self._steps(order)})
        elif order.is_open:
            return redirect("checkout")
        else:
            return render(request, self.template, {"order": order, "is_new": True})

    def post(self, request, number):
        order = get_object_or_404(Order, number=number)
        try:
            order.pay()
        except order.Declined as declined:
"""
        in change.after
    )
    assert "pennon" not in change.after
    assert "legacy" not in change.after


def test_what_is_left_of_the_django_view_is_told(root: Path) -> None:
    plan = planned(root, KEPT[0])
    told = {(path, note.code): note.reason for path, notes in plan.notes.items() for note in notes}
    assert told == {
        ("shop/django_views.py", '"is_new": True,'): "the value of the flag stands here now",
        (
            "shop/django_views.py",
            'return render(request, self.template, {"order": order, "is_new": True})',
        ): "the value of the flag stands here now",
        ("shop/flags.py", 'NEW_CHECKOUT = "new-checkout"'): "the key is still written here",
    }


def test_the_fastapi_route_has_the_kept_engine_only(root: Path) -> None:
    (change,) = planned(root, KEPT[2]).changes
    assert (
        """
async def search(text: str, user: Annotated[User, Depends(current_user)], limit: int = 20) -> list[Price]:
    found = await search_by_meaning(text, limit=limit)
    return [price_of(product) for product in found]
"""
        in change.after
    )
    assert 'return {"engine": "meaning/smart", "suggestions": suggestions}' in change.after
    for gone in ("EvaluationContext", "HTTPException", "search_by_words"):
        assert gone not in change.after


def test_a_wrapper_that_only_asks_is_folded_and_one_that_does_more_is_told(root: Path) -> None:
    plan = planned(root, KEPT[7])
    (change,) = plan.changes
    assert (
        """
        gateway = self.new
        charge = gateway.charge(amount)
        if self.features.audited("new-gateway"):
            charge.note("audited")
        charge.settle()
        return charge
"""
        in change.after
    )
    (note,) = plan.notes["shop/service.py"]
    assert note.reason == "`audited` does more than to ask for the flag"


def test_a_wrapper_of_another_module_is_folded_and_its_import_dropped(root: Path) -> None:
    (change,) = planned(root, KEPT[5]).changes
    assert "from shop.flags import client\n" in change.after
    assert "send_mail(order.email, body, attachments=[body])" in change.after
