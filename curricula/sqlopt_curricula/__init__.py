"""What comes next: curricula over tasks."""
