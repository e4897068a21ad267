# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""For the warm process, which only imports: see benchmarks.processor_time."""

from .processor_time import preload

preload()
