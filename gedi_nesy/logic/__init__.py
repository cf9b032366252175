"""From a ProbLog program to a loss, one stage a file; each stage is a function that can be used and tested alone.

    program.parse(text)                     -> Program
    query.QueryTemplate.parse(text, roles)  -> QueryTemplate; .bind(lengths, constants) closes what examples share
    grounding.ground(program, template)     -> Formula        by ProbLog's grounder; cycles stay
    compiling.compile(formula)              -> Circuit        cycles are solved there
    limits.compiled_circuit(...)            -> Circuit        both, in a child process with limits, or from the cache
    evaluation.CircuitEvaluator(circuit)    log-probabilities of choices -> log-probabilities of answers
    max_product.max_product(...)            the same circuit -> the most probable choices with which an answer holds
    constraint.Constraint                   networks' log-probabilities -> log P(query), the interface of backends;
                                            circuit_constraint is ours; Constraint.from_program is all of the above
    structures, family                      constraints of one query for lists of other lengths, other constants, ...

What is known about a program without training: answering (`program query`), checking, explaining, shortcuts, worlds.

Nothing is imported here: parsing, grounding and compiling do without torch, and the first without ProbLog's grounder.
"""
