"""The world behind the ports: database, queue, disk, network, clock."""
