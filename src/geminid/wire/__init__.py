"""How it is spelled: the messages of the API, their JSON and protobuf forms, and the table of URLs."""
