"""From a ProbLog program to a loss, one stage a file; each stage is a function that can be used and tested alone.

    program.parse(text)                     -> Program
    query.QueryTemplate.parse(text, roles)  -> QueryTemplate
    grounding.ground(program, template)     -> Formula
    compiling.compile(formula)              -> Circuit
    evaluation.CircuitEvaluator(circuit)    log-probabilities of choices -> log-probabilities of answers
    circuit_constraint.build_constraint     all of them: images' class log-probabilities -> log P(query)

Nothing is imported here: parsing, grounding and compiling do without torch, and the first without ProbLog's grounder.
"""
