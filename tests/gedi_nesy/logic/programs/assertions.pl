% library(assert) adds facts while grounding.
%! expect known(1) 1
:- use_module(library(assert)).
known(X) :- assertz(note(1)), note(X).
query(known(_)).
