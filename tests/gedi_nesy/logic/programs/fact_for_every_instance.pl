% A fact with a variable is an independent chance for each value it is called with: 0.8 * 0.8, and once only for one value.
%! expect two_calls 0.64
%! expect one_call_twice 0.8
0.8::works(_).
two_calls :- works(1), works(2).
one_call_twice :- works(1), works(1).
query(two_calls).
query(one_call_twice).
