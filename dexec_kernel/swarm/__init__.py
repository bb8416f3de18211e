"""Docker Swarm: a service's task, its node, and the way to that node's engine."""
