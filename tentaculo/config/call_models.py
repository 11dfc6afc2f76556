"""The shape of what the gateway answers in the upstream's place: calls over a rate, calls in maintenance."""

from __future__ import annotations

from pydantic import Field

from tentaculo.config.call_fields import BodyText, FailureStatus, RatePerWord
from tentaculo.config.scalars import Count, PerTime
from tentaculo.config.section import Section


class RateSection(Section):
    """So many in a time, and how many at once."""

    required = ("rate",)

    rate: PerTime | None = Field(None, description="How many in the long run, such as 50/s, 10/m or 1/h.")
    burst: Count | None = Field(None, description="How many at once; default those of one second.")


class RateLimitSection(RateSection):
    """How often the route may be called."""

    per: RatePerWord | None = Field(
        None,
        description="Whose calls count together: principal (default where access demands a token), "
        "client (an address; default elsewhere), or route (everyone's).",
    )


class MaintenanceSection(Section):
    """What every call of the route is answered with, while its upstream gets none."""

    status: FailureStatus | None = Field(None, description="Status, 400 to 599; default 503.")
    body: BodyText | None = Field(None, description="Text of the response, 64KiB at most; default none.")
