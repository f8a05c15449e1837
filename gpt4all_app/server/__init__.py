"""The models of this disk behind the addresses of OpenAI's API.

One file for each family of addresses; `app.create_app` puts them together. What turns JSON into the core's
types and back is pure and stands in files of its own (`…_request.py`, `…_json.py`).
"""
