"""What can be proved of flags and segments for every context: what never happens though it is written, and why.

Sound before complete: in doubt nothing is found. From the bottom: `ranges` and `affixes` know values; `claims` says
what a condition claims of one; `emptiness` whether claims leave any; `facts` puts together what is known of a context,
`logic` adds segments; `reach` and `outlines` say who gets where; `rules`, `splits`, `flags`, `segments` phrase it.
"""

from pennon.engine.proofs.finding import SEVERITIES, Code, Finding, Severity
from pennon.engine.proofs.prover import Prover, findings, segment_findings

__all__ = ["SEVERITIES", "Code", "Finding", "Prover", "Severity", "findings", "segment_findings"]
