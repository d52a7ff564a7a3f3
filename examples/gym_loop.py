"""The environment by itself: a fixed rewrite for one seed, shown as text."""

import gymnasium as gym

import sqlopt_env

REWRITE = """
CREATE INDEX by_email ON users (lower(email));
CREATE INDEX by_user ON orders (user_id);
SELECT u.id, u.name, o.id, o.product, o.amount, o.order_date
FROM users u JOIN orders o ON o.user_id = u.id
WHERE lower(u.email) = lower('MARIE.MARTIN172@mail.example')
ORDER BY o.order_date DESC, o.id DESC
"""

if __name__ == "__main__":
    gym.register_envs(sqlopt_env)
    env = gym.make("SQLOptimize-v0", render_mode="ansi")
    observation, info = env.reset(seed=0, options={"task": "shop-02"})
    observation, reward, terminated, truncated, info = env.step(REWRITE)
    print(env.render())
    print(f"reward {reward:.3f}")
    env.close()
