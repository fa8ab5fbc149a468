"""How a layer's numbers are computed: what an interactive figure of one operation needs, from the graph and one recorded run.

    graph ──▶ operations ──▶ chains (conv -> norm -> activation -> …) ──▶ what a page loads: input maps, kernels, statistics
              recorded run ──▶ maps, kernels ──▶ packed (fp16) ──▶ within the budget

Outputs are worked out in the page from what an operation reads, so that a map is written once: as an input.
"""
