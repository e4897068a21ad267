# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""microburst 0.10.0, run with what it lacks: requests to OpenSearch Service are signed for `es`, as those of the older
Elasticsearch API are, and it knows them by that API only."""

from __future__ import annotations

from microburst import models
from microburst.cli import main

if __name__ == "__main__":
    models._SCOPE_ALIASES["es"] = "opensearch"
    main()
