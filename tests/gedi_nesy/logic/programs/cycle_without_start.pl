% What supports only itself does not hold.
%! expect p 0
p :- q.
q :- p.
query(p).
