"""The story: six steps, one module each, which never call each other.

| step | module | runs in | state before -> after |
|---|---|---|---|
| 1 REQUEST  | request  | API            | none -> requested |
| 1 again    | resign   | API            | requested |
| 1 in parts | sign_parts | API          | requested |
| 2 UPLOAD   | upload   | upload service | requested |
| 2 in parts | see_parts | API           | requested |
| 3 CONFIRM  | confirm  | API            | requested -> uploaded |
| 4 PROCESS  | process  | worker         | uploaded -> processing |
| 5 CHECK    | check    | API            | any |
| 6 FINALIZE | finalize | worker         | processing -> ready, rejected or failed |
|            | announce | worker         | tells the application |
| ASSOCIATE  | attach   | API            | any: gives it a place at a record |
|            | deliver  | API            | ready: shows a rendition |
|            | deliver_many | API        | ready: shows many at once |
"""
