% Every lamp works: 0.9 * 0.8.
%! expect all_work 0.72
0.9::works(1).
0.8::works(2).
lamp(1).
lamp(2).
all_work :- forall(lamp(L), works(L)).
query(all_work).
