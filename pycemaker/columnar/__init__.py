"""Decoder of BSON batches into columns of numbers and JSON rows: the one part that is made by hand.

`encode` is the way in. `split` finds documents, `layout` groups those that are laid out alike, `columns` reads their
numbers, `json_rows` writes their texts, `decode` is the plain way for all others. `parse` and `ingestion_delay` read
single elements.

Why by hand: a metric has 17,280 documents a day, and making a Python object of each is what costs. Measured for a day
(medians; Python 3.11, numpy 2.4, AMD EPYC):

* `bson.decode_all` alone takes 40 ms, decoding and dumping one document after another 200 ms; this takes 7 ms, and 3 ms
  for the columns alone.
* PyMongoArrow makes columns but no JSON of whole documents, whose undeclared fields pass through untouched here, and
  dates within nested documents become NaT.
* PyMongo's raw batches make an object of each document to take it out of the reply: 120 ms a week, where `split` takes
  25 ms (see `mongo/document_pages.py`).

`docs/benchmarks.md` has what that is worth to a request. A property test holds both ways to the same bytes.
"""
