% hit(a) has two proofs with a chance each: 1 - (1 - 0.5)^2.
%! expect hit(a) 0.75
%! expect hit(b) 0.5
edge(a, 1).
edge(a, 2).
edge(b, 1).
0.5::hit(X) :- edge(X, _).
query(hit(_)).
